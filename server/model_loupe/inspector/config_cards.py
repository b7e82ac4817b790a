"""Fields of a checkpoint's JSON, explained: in the words of the installed libraries, and in figures."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

from model_loupe.domain.units import format_bytes, format_shape
from model_loupe.inspector.config_effects import Around, field_effect, language_model
from model_loupe.inspector.config_files import (
    ConfigFile,
    Parts,
    around,
    of_model,
    owner_of,
    replacement,
    said_of,
    value_at,
    with_defaults,
)
from model_loupe.inspector.description import Description
from model_loupe.inspector.installed.classes import Class
from model_loupe.inspector.installed.configs import FieldDoc, aliases, config_class, field_doc
from model_loupe.inspector.installed.packages import Folders
from model_loupe.inspector.markdown import escape

_LONGEST_VALUE = 120


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
    if name == "model_type":
        effects = _class_of_type(folders, value, known.transformers)
    else:
        effects = _effects(folders, file, inside, name, known)
    if owner is None and not effects:
        return None
    given = value_at(file.value, inside)
    head = _head(name, value, doc, is_given=isinstance(given, dict) and name in given)
    lines = [head, *(f"→ {escape(line)}" for line in effects)]
    return "\n\n".join([*lines, *_words(name, doc, owner, known.transformers)])


def _class_of_type(folders: Folders, model_type: object, version: str | None) -> list[str]:
    found = config_class(folders, model_type) if isinstance(model_type, str) else None
    if found is None:
        return [f"transformers {version} has no class of its own for it"] if version else []
    return [f"Read as {found.name} of transformers {version}"]


def _effects(folders: Folders, file: ConfigFile, inside: Parts, name: str, known: Around) -> list[str]:
    if file.kind == "config" and not language_model(file.value, inside):
        return []
    config = with_defaults(folders, file, inside) if file.kind == "config" else file.value
    return field_effect(config, name, value_at(config, (*inside, name)), known)


def _head(name: str, value: Any, doc: FieldDoc | None, *, is_given: bool) -> str:
    parts = [f"**{escape(name)}** = `{_code(value)}`" if is_given else f"**{escape(name)}** · not given"]
    if doc is not None:
        parts += [f"`{_code_text(doc.type)}`"] if doc.type else []
        parts += [_default_text(doc.default, value, is_given)] if doc.default is not None else []
    return " · ".join(parts)


def _words(name: str, doc: FieldDoc | None, owner: Class | None, version: str | None) -> list[str]:
    """What the library says of a field, and which class and version that is."""
    if owner is None:
        return []
    lines = [doc.text] if doc and doc.text else []
    moved = replacement(owner, name)
    if moved:
        lines.append(f"Called `{'.'.join(moved)}` since; `{name}` is still read.")
    elif doc is None:
        lines.append(f"{owner.name} does not say what it is.")
    package = owner.module.partition(".")[0]
    shown = f" {version}" if version and package == "transformers" else ""
    return [*lines, f"*{doc.owner if doc else owner.name} · {package}{shown}*"]


def _default_text(default: str, value: Any, is_given: bool) -> str:
    try:
        known = ast.literal_eval(default)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return f"default `{_code_text(default)}`"
    is_same = known == value and (isinstance(known, bool) == isinstance(value, bool))
    return (
        "the default" if is_given and is_same else f"default `{_code_text(json.dumps(known, default=str))}`"
    )


def _code(value: Any) -> str:
    return _code_text(json.dumps(value, ensure_ascii=False))


def _code_text(text: str) -> str:
    """Inside a code span nothing is markup but the backtick, and a line break ends it."""
    text = re.sub(r"\s+", " ", text.replace("`", "ˋ"))
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


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
