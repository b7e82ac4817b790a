"""What may be written in a checkpoint's JSON: fields that are not there yet, and the values of one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import NamedTuple

from model_loupe.inspector.config_files import ConfigFile, Parts, of_model, owner_of, said_of, value_at
from model_loupe.inspector.description import Description
from model_loupe.inspector.installed.choices import choices
from model_loupe.inspector.installed.configs import field_doc, field_names
from model_loupe.inspector.installed.packages import Folders
from model_loupe.inspector.parts import Completion


class Value(NamedTuple):
    """A completion: ``text`` is JSON, ``detail`` one line, ``documentation`` Markdown."""

    text: str
    detail: str
    documentation: str


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


def code_completions(folders: Folders, description: Description, parts: Parts) -> list[Completion]:
    """What follows the dot of a config besides what its file gives: fields that have a default."""
    found = field_completions(folders, of_model(description), parts)
    return [Completion(each.text, "field", each.detail) for each in found if each.text.isidentifier()]
