"""The JSON files of a checkpoint: what they are called, and which class' fields they give."""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from model_loupe.inspector.config_effects import Around
from model_loupe.inspector.description import Description
from model_loupe.inspector.environment import version_on
from model_loupe.inspector.installed.callables import callable_named
from model_loupe.inspector.installed.classes import Class, class_named
from model_loupe.inspector.installed.configs import (
    FieldDoc,
    class_at,
    field_doc,
    field_names,
    quantization_class,
)
from model_loupe.inspector.installed.packages import Folders, outline_of

Parts = tuple["str | int", ...]

KINDS = {
    "config.json": "config",
    "generation_config.json": "generation",
    "tokenizer_config.json": "tokenizer",
    "adapter_config.json": "adapter",
    "quantization_config.json": "quantization",
    "model.safetensors.index.json": "index",
}
"""Files that are explained, by name."""

SUPERSEDED = {
    "torch_dtype": ("dtype",),
    "rope_scaling": ("rope_parameters",),
    "rope_theta": ("rope_parameters", "rope_theta"),
    "partial_rotary_factor": ("rope_parameters", "partial_rotary_factor"),
}
"""Fields of configs that were renamed or moved, and where their meaning is now. Old files are still read."""

_LARGEST_FILE = 4_000_000


class ConfigFile(NamedTuple):
    """A file of ``KINDS`` at ``path``, as its editor has it: what could be read of it is ``value``."""

    path: str
    value: dict[str, Any]

    @property
    def kind(self) -> str:
        """What kind of file it is."""
        return KINDS[os.path.basename(self.path)]

    @property
    def is_explained(self) -> bool:
        """Whether it is a file of a checkpoint: others are called ``config.json``, too."""
        if self.kind == "config":
            return any(key in self.value for key in ("model_type", "architectures", "transformers_version"))
        return True


def owner_of(folders: Folders, file: ConfigFile, parts: Parts) -> Class | None:
    """The class of the installed libraries whose fields the object at ``parts`` gives."""
    if file.kind == "config":
        return class_at(folders, file.value, parts)
    if parts:
        return None
    if file.kind == "generation":
        return class_named(folders, "transformers.generation.configuration_utils", "GenerationConfig")
    if file.kind == "tokenizer":
        return _tokenizer_class(folders)
    if file.kind == "adapter":
        return _adapter_class(folders, file.value.get("peft_type"))
    if file.kind == "quantization":
        return quantization_class(folders, file.value.get("quant_method"))
    return None


def _tokenizer_class(folders: Folders) -> Class | None:
    found = callable_named(folders, "transformers.PreTrainedTokenizerBase.from_pretrained")
    if found is None:
        return None
    said = {name: field.documented for name, field in found.parameters.items() if field.documented}
    return Class("transformers.tokenization_utils_base", "PreTrainedTokenizerBase", {}, said, {})


def _adapter_class(folders: Folders, peft_type: object) -> Class | None:
    """The config class of a PEFT method: ``LoraConfig`` in ``peft.tuners.lora.config`` of ``LORA``."""
    if not isinstance(peft_type, str) or not peft_type.isidentifier():
        return None
    module = f"peft.tuners.{peft_type.lower()}.config"
    outline = outline_of(folders, module)
    wanted = f"{peft_type.replace('_', '')}config".lower()
    name = next((each for each in outline.names() if each.lower() == wanted), None) if outline else None
    return class_named(folders, module, name) if name else class_named(folders, "peft.config", "PeftConfig")


def around(folders: Folders, path: str) -> Around:
    """What is known beside a file: the installed transformers, and the tokens of the folder's tokenizer."""
    return Around(version_on(folders, "transformers"), tokens_beside(path))


def tokens_beside(path: str) -> dict[int, str]:
    """The tokens that ``tokenizer_config.json`` and ``added_tokens.json`` of a folder name, by id."""
    folder = os.path.dirname(path)
    found: dict[int, str] = {}
    listed = read_beside(os.path.join(folder, "tokenizer_config.json")).get("added_tokens_decoder")
    for number, token in listed.items() if isinstance(listed, dict) else ():
        content = token.get("content") if isinstance(token, dict) else None
        if number.isdecimal() and isinstance(content, str):
            found[int(number)] = content
    added = read_beside(os.path.join(folder, "added_tokens.json"))
    return found | {number: content for content, number in added.items() if type(number) is int}


def read_beside(path: str) -> dict[str, Any]:
    """The object in another JSON file of the same folder; empty where there is none."""
    try:
        stat = os.stat(path)
    except (OSError, ValueError):
        return {}
    return _read(path, stat.st_mtime_ns) if stat.st_size <= _LARGEST_FILE else {}


@lru_cache(maxsize=16)
def _read(path: str, _modified: int) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            value = json.load(file)
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def said_of(folders: Folders, owner: Class, name: str) -> FieldDoc | None:
    """What is said of a field, under the name that it has by now if it was renamed."""
    found = field_doc(folders, owner, name)
    if found is not None and found.text:
        return found
    moved = replacement(owner, name)
    if len(moved) == 2:
        inner = class_at(folders, {"model_type": owner.variables.get("model_type")}, moved[:1])
        return field_doc(folders, inner, moved[1]) if inner else found
    return field_doc(folders, owner, moved[0]) if moved else found


def replacement(owner: Class, name: str) -> tuple[str, ...]:
    """Where a field's meaning is in the installed version, if the field is not called so any more."""
    moved = SUPERSEDED.get(name, ())
    known = field_names(owner)
    return moved if moved and moved[0] in known and name not in known else ()


def with_defaults(folders: Folders, file: ConfigFile, parts: Parts) -> dict[str, Any]:
    """A config with what it leaves to its class: of the config at ``parts``, which is the whole or in it."""
    owner = owner_of(folders, file, parts)
    inner = value_at(file.value, parts)
    defaults = {name: _literal(field.default) for name, field in owner.fields.items()} if owner else {}
    whole = {**{name: value for name, value in defaults.items() if value is not None}, **inner}
    return {**file.value, str(parts[0]): whole} if parts else whole


def _literal(source: str | None) -> Any:
    try:
        return ast.literal_eval(source or "None")
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def value_at(value: Any, parts: Parts) -> Any:
    """What stands at ``parts``; None where nothing does."""
    for part in parts:
        if isinstance(value, Mapping):
            value = value.get(str(part))
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def of_model(description: Description) -> ConfigFile:
    """The config of a described model, as a file."""
    return ConfigFile(os.path.join(description.path, "config.json"), description.config)
