"""The real objects that the worker's answers are held against, built in the test's own process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import transformers

from tests.support.worker_process import Unfolded

transformers.logging.set_verbosity(100)
VERSION = tuple(map(int, transformers.__version__.split(".")[:2]))
DTYPE = "dtype" if VERSION >= (4, 56) else "torch_dtype"


def config_from(folder: Path, config: dict[str, Any], **overrides: Any) -> Any:
    """The config object that transformers reads from a file with these fields."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    return transformers.AutoConfig.from_pretrained(folder, **overrides)


def as_json(config: Any) -> dict[str, Any]:
    """All fields of a config object, as its config.json would have them."""
    found: dict[str, Any] = json.loads(config.to_json_string(use_diff=False))
    return found


def on_meta(build: Any, config: Any) -> torch.nn.Module:
    """What plain PyTorch makes: no shortcut of the libraries."""
    with torch.device("meta"):
        model: torch.nn.Module = build(config)
    return model


def differences(answer: dict[str, Any], model: torch.nn.Module, *, dtypes: bool = True) -> Iterator[str]:
    """What the worker's ``answer`` says otherwise than the object, in words."""
    tree = Unfolded(answer["tree"])
    modules = {path: module._get_name() for path, module in model.named_modules(remove_duplicate=False)}
    yield from _unequal("modules", tree.modules, modules)
    yield from _unequal("parameters", _told(tree.parameters, dtypes), _parameters(model, dtypes))
    buffers = {
        name: (tuple(value.shape), str(value.dtype).removeprefix("torch.") if dtypes else None)
        for name, value in model.named_buffers(remove_duplicate=False)
    }
    told = {
        name: (tuple(each["shape"]), each["dtype"] if dtypes else None) for name, each in tree.buffers.items()
    }
    yield from _unequal("buffers", told, buffers)
    persistent = {name for name, each in tree.buffers.items() if each["persistent"]}
    named = set(buffers) & set(model.state_dict())
    if persistent != named:
        yield f"persistent buffers: {persistent ^ named}"
    try:
        text = str(model)
    except RuntimeError:
        # A class whose text tells values, which the meta device does not have.
        text = answer["text"]
    if answer["text"] != text:
        yield "text"
    if answer["class"] != type(model).__name__:
        yield f"class: {answer['class']}"
    if answer["parameters"] != sum(value.numel() for value in model.parameters()):
        yield f"total: {answer['parameters']}"
    if answer["trainable"] != sum(value.numel() for value in model.parameters() if value.requires_grad):
        yield f"trainable: {answer['trainable']}"
    if dtypes and answer["bytes"] != sum(value.nbytes for value in model.parameters()):
        yield f"bytes: {answer['bytes']}"


def _told(parameters: dict[str, dict[str, Any]], dtypes: bool) -> dict[str, Any]:
    return {
        name: (tuple(each["shape"]), each["dtype"] if dtypes else None, each["tied_to"], each["trainable"])
        for name, each in parameters.items()
    }


def _parameters(model: torch.nn.Module, dtypes: bool) -> dict[str, Any]:
    owners: dict[int, str] = {}
    found: dict[str, Any] = {}
    for name, value in model.named_parameters(remove_duplicate=False):
        owner = owners.setdefault(id(value), name)
        dtype = str(value.dtype).removeprefix("torch.") if dtypes else None
        found[name] = (tuple(value.shape), dtype, None if owner == name else owner, value.requires_grad)
    return found


def _unequal(what: str, told: dict[str, Any], real: dict[str, Any]) -> Iterator[str]:
    if list(told) != list(real):
        yield f"{what}: {sorted(set(told) ^ set(real))[:4] or 'in another order'}"
        return
    wrong = [name for name in real if told[name] != real[name]]
    if wrong:
        yield f"{what}: {len(wrong)} as {wrong[0]}: {told[wrong[0]]} is {real[wrong[0]]}"
