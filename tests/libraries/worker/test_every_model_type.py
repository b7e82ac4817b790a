"""Every model type of the installed transformers, built by one worker and by plain PyTorch, is the same.

MODEL_LOUPE_EVERY_CLASS=1 takes every task class of every type; without it one of each type, with a head if
there is one (the class without is inside of it), and of older versions every fifth type.
"""

from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from transformers.models.auto import modeling_auto
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from tests.libraries.worker.reference import DTYPE, VERSION, as_json, config_from, differences, on_meta
from tests.support.worker_process import WorkerFailed, WorkerProcess

EVERY_CLASS = os.environ.get("MODEL_LOUPE_EVERY_CLASS") == "1"
NEWEST = VERSION >= (5, 0)
STEP = 1 if EVERY_CLASS or NEWEST else 5
# How many models were equal when this was last looked at, without MODEL_LOUPE_EVERY_CLASS.
EQUAL = {(5, 23): 575, (4, 57): 65, (4, 38): 32}

_LAYERS = 4
_EXPERTS = 8
_FEW_EXPERTS = ("num_experts", "n_routed_experts", "num_local_experts", "moe_num_experts")


def test_trees_equal_the_objects(worker: WorkerProcess, tmp_path: Path) -> None:
    equal = 0
    unbuilt: Counter[str] = Counter()
    wrong: list[str] = []
    types = sorted(CONFIG_MAPPING)[::STEP]
    # Models are cycles of objects: with the default thresholds most of the time would go to looking for them.
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)
    for model_type in types:
        try:
            default = CONFIG_MAPPING[model_type]()
            given = as_json(default)
        except Exception as error:
            unbuilt[f"no default config: {_reason(error)}"] += 1
            continue
        classes = list(_classes(type(default)))
        if not EVERY_CLASS:
            classes = classes[1:2] or classes
        if not classes:
            unbuilt["no Auto class builds it: a part of others"] += 1
        for builder, model_class in classes:
            found = _compare(worker, tmp_path, given, builder, model_class)
            if isinstance(found, str):
                unbuilt[found] += 1
                continue
            equal += not found
            wrong += [f"{model_type} {model_class.__name__}: {each}" for each in found]
    print(f"\ntransformers {transformers.__version__}: {equal} models of {len(types)} types are equal")
    for reason, count in unbuilt.most_common():
        print(f"{count:4} not built: {reason}")
    assert not wrong, "\n".join(wrong)
    assert equal >= EQUAL.get(VERSION, 1)


def _classes(config_class: Any) -> Iterator[tuple[str, Any]]:
    """The Auto classes that build the type, each with what it builds: a class twice is taken once."""
    seen: set[Any] = set()
    for name in ["AutoModel", *sorted(vars(modeling_auto))]:
        auto = getattr(transformers, name, None) if name.startswith("AutoModel") else None
        if not hasattr(auto, "_model_mapping") or config_class not in auto._model_mapping:
            continue
        try:
            found = auto._model_mapping[config_class]
        except ValueError:
            # Tables that name a class that is not there.
            continue
        found = found[0] if isinstance(found, (list, tuple)) else found
        if found not in seen:
            seen.add(found)
            yield name, found


def _compare(
    worker: WorkerProcess, folder: Path, given: dict[str, Any], builder: str, model_class: Any
) -> list[str] | str:
    """What differs; or why the model cannot be built."""
    reason = ""
    for config in (_shrunk(given), given):
        worker.send("architecture", config=config, builder=builder, dtype="float32")
        try:
            object_of = config_from(folder, config)
            # As a call that gives the dtype leaves it: there are modules that print their config.
            setattr(object_of, DTYPE, torch.float32)
            model = on_meta(model_class, object_of)
        except Exception as error:
            reason = _reason(error)
            model = None
        try:
            answer = worker.receive()
        except WorkerFailed as error:
            if model is not None:
                return [str(error)]
            assert "Traceback" not in error.message
            continue
        if model is None:
            continue
        return _but_for_positions(list(differences(answer, model)))
    return reason


def _but_for_positions(found: list[str]) -> list[str]:
    """In version 4 initialising takes the gradient from sinusoidal positions, which no checkpoint holds; the
    worker initialises nothing, and calls them trainable."""
    if VERSION >= (5, 0) or not any("embed_positions.weight" in each for each in found):
        return found
    return [each for each in found if "embed_positions.weight" not in each and "trainable" not in each]


def _shrunk(config: dict[str, Any]) -> dict[str, Any]:
    """The same with fewer layers and experts: what is repeated needs no repeating here."""
    layers = config.get("num_hidden_layers")
    found: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, dict):
            value = _shrunk(value)
        elif type(value) is int and "layers" in name and not name.startswith("num_mem"):
            value = min(value, _LAYERS)
        elif type(value) is int and name in _FEW_EXPERTS:
            value = min(value, _EXPERTS)
        elif isinstance(value, list) and layers and len(value) == layers:
            value = value[:_LAYERS]
        found[name] = value
    return found


def _reason(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()] or [""]
    return f"{type(error).__name__}: {lines[0][:100]}"


@pytest.fixture(autouse=True)
def _default_dtype() -> Iterator[None]:
    yield
    assert torch.get_default_dtype() == torch.float32
