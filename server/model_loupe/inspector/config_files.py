"""The JSON files of a checkpoint, explained field by field: by the installed libraries, and in figures."""

from __future__ import annotations

import ast
import json
import os
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from model_loupe.domain.units import format_bytes, format_shape
from model_loupe.inspector.config_effects import Around, field_effect, language_model
from model_loupe.inspector.description import Description
from model_loupe.inspector.environment import version_on
from model_loupe.inspector.installed.callables import callable_named
from model_loupe.inspector.installed.choices import choices
from model_loupe.inspector.installed.classes import Class, class_named
from model_loupe.inspector.installed.configs import (
    FieldDoc,
    aliases,
    class_at,
    config_class,
    field_doc,
    field_names,
    quantization_class,
)
from model_loupe.inspector.installed.packages import Folders, outline_of
from model_loupe.inspector.markdown import escape
from model_loupe.inspector.parts import Completion

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

_LONGEST_VALUE = 120
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


class Value(NamedTuple):
    """A completion: ``text`` is JSON, ``detail`` one line, ``documentation`` Markdown."""

    text: str
    detail: str
    documentation: str


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


def field_card(folders: Folders, file: ConfigFile, parts: Parts) -> str | None:
    """The Markdown on the field at ``parts``: its value, the library's words, what follows for this model.

    None for what is no field: an entry of ``id2label`` or of a list.
    """
    while parts and isinstance(parts[-1], int):
        parts = parts[:-1]  # an item explains itself by its list
    if not parts:
        return None
    name, inside = str(parts[-1]), parts[:-1]
    owner = owner_of(folders, file, inside)
    if owner is None and inside:
        return None
    value = value_at(file.value, parts)
    doc = said_of(folders, owner, name) if owner else None
    known = around(folders, file.path)
    effects = _effects(file, inside, name, value, known)
    if name == "model_type":
        effects = _class_of_type(folders, value, known.transformers)
    if owner is None and not effects:
        return None
    return _card(name, value, doc, owner, effects, known.transformers)


def _class_of_type(folders: Folders, model_type: object, version: str | None) -> list[str]:
    found = config_class(folders, model_type) if isinstance(model_type, str) else None
    if found is None:
        return [f"transformers {version} has no class of its own for it"] if version else []
    return [f"Read as {found.name} of transformers {version}"]


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


def _effects(file: ConfigFile, inside: Parts, name: str, value: Any, known: Around) -> list[str]:
    if file.kind == "config" and not language_model(file.value, inside):
        return []
    if file.kind == "index":
        return []
    config = file.value if file.kind in ("config", "adapter") else {}
    return field_effect(config, name, value, known)


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


def _card(
    name: str, value: Any, doc: FieldDoc | None, owner: Class | None, effects: list[str], version: str | None
) -> str:
    head = [f"**{escape(name)}** = `{_code(value)}`"]
    if doc is not None:
        head += [f"`{_code_text(doc.type)}`"] if doc.type else []
        head += [_default_text(doc.default, value)] if doc.default is not None else []
    lines = [" · ".join(head), *(f"→ {escape(line)}" for line in effects)]
    if doc is not None and doc.text:
        lines.append(doc.text)
    if owner is not None:
        moved = replacement(owner, name)
        if moved:
            lines.append(f"Called `{'.'.join(moved)}` since; `{name}` is still read.")
        elif doc is None:
            lines.append(f"{owner.name} does not say what it is.")
        shown = f" {version}" if version and owner.module.startswith("transformers") else ""
        lines.append(f"*{doc.owner if doc else owner.name} · {owner.module.partition('.')[0]}{shown}*")
    return "\n\n".join(lines)


def _default_text(default: str, value: Any) -> str:
    try:
        known = ast.literal_eval(default)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return f"default `{_code_text(default)}`"
    is_same = known == value and (isinstance(known, bool) == isinstance(value, bool))
    return "the default" if is_same else f"default `{_code_text(json.dumps(known, default=str))}`"


def _code(value: Any) -> str:
    return _code_text(json.dumps(value, ensure_ascii=False))


def _code_text(text: str) -> str:
    """Inside a code span nothing is markup but the backtick, and a line break ends it."""
    text = re.sub(r"\s+", " ", text.replace("`", "ˋ"))
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def of_model(description: Description) -> ConfigFile:
    """The config of a described model, as a file."""
    return ConfigFile(os.path.join(description.path, "config.json"), description.config)


def code_card(folders: Folders, description: Description, parts: Parts) -> str | None:
    """The Markdown on ``model.config.x``, also where the file leaves ``x`` to the class' default."""
    file = of_model(description)
    owner = owner_of(folders, file, parts[:-1]) if parts else None
    if owner is None:
        return None
    # ``config.hidden_size`` of a GPT-2, whose file calls it ``n_embd``.
    named = (*parts[:-1], aliases(owner).get(str(parts[-1]), parts[-1]))
    if value_at(file.value, named) is None and field_doc(folders, owner, str(named[-1])) is None:
        return None
    return field_card(folders, file, named)


def code_completions(folders: Folders, description: Description, parts: Parts) -> list[Completion]:
    """What follows the dot of a config besides what its file gives: fields that have a default."""
    found = field_completions(folders, of_model(description), parts)
    return [Completion(each.text, "field", each.detail) for each in found if each.text.isidentifier()]


def tensor_card(description: Description, tensor: str, shard: str) -> str | None:
    """The Markdown on a line of ``model.safetensors.index.json``; None for a tensor that is not there."""
    found = description.weights.table.get(tensor)
    files = {file.name: file for file in description.files}
    size = files[shard].nbytes if shard in files else None
    where = f"{escape(shard)}" + (f" · {format_bytes(size)}" if size is not None else " · not there")
    if found is None:
        return f"**{escape(tensor)}** · {where}"
    kind = found.kind
    shape = f"{format_shape(kind.shape)} {kind.dtype} · {format_bytes(kind.nbytes)}"
    return f"**{escape(tensor)}** · {shape} · in {where}"


def field_completions(folders: Folders, file: ConfigFile, parts: Parts) -> list[Value]:
    """The fields that the object at ``parts`` may have and does not have yet."""
    owner = owner_of(folders, file, parts)
    given = value_at(file.value, parts)
    present = given.keys() if isinstance(given, Mapping) else ()
    found = []
    for name in field_names(owner) if owner else ():
        doc = field_doc(folders, owner, name) if owner and name not in present else None
        if doc is not None:
            detail = " · ".join(filter(None, (doc.type, f"default {doc.default}" if doc.default else "")))
            found.append(Value(name, detail, doc.text))
    return found


def value_completions(folders: Folders, file: ConfigFile, parts: Parts) -> list[Value]:
    """The values that the field at ``parts`` may have, as JSON."""
    while parts and isinstance(parts[-1], int):
        parts = parts[:-1]
    if not parts:
        return []
    name = str(parts[-1])
    owner = owner_of(folders, file, parts[:-1])
    doc = said_of(folders, owner, name) if owner else None
    model_type = file.value.get("model_type")
    named = model_type if isinstance(model_type, str) else None
    found = [json.dumps(each) for each in choices(folders, name, doc, named)]
    if not found and doc is not None and re.match(r"bool\b", doc.type):
        found = ["true", "false"]
    return [Value(each, name, "") for each in found]
