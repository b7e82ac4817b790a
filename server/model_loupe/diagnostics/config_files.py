"""What is inconsistent in a checkpoint's JSON files, and what the installed transformers would not take."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from model_loupe.diagnostics.config_problem import Problem
from model_loupe.diagnostics.config_sizes import of_sizes, of_tokenizer, of_tokens
from model_loupe.diagnostics.config_values import of_rope, of_values
from model_loupe.inspector.config_files import ConfigFile, Parts, owner_of, replacement, value_at
from model_loupe.inspector.environment import version_on
from model_loupe.inspector.installed.classes import Class
from model_loupe.inspector.installed.configs import model_types
from model_loupe.inspector.installed.packages import Folders

_SAMPLING = ("temperature", "top_p", "top_k", "min_p", "typical_p")
# Values with which these do nothing.
_NEUTRAL = {"temperature": 1.0, "top_p": 1.0, "top_k": 50, "typical_p": 1.0}
_PLAIN = {"int": (int,), "float": (int, float), "bool": (bool,), "str": (str,)}


def problems(folders: Folders, file: ConfigFile) -> list[Problem]:
    """What is wrong in a file; never raises for strange values."""
    if file.kind == "generation":
        return list(_of_generation(file.value))
    return list(_of_config(folders, file)) if file.kind == "config" else []


def _of_config(folders: Folders, file: ConfigFile) -> Iterator[Problem]:
    yield from _of_model_type(folders, file.value)
    # A model with code of its own takes what that code takes.
    is_known = str(file.value.get("model_type")) in model_types(folders) and "auto_map" not in file.value
    # Before version 5 annotations were no more than that, and some are wrong.
    is_strict = is_known and _numbers(version_on(folders, "transformers") or "") >= (5,)
    for parts in _configs(file.value):
        owner = owner_of(folders, file, parts)
        part = value_at(file.value, parts)
        yield from of_sizes(part, parts, owner)
        yield from of_tokens(part, parts, owner)
        yield from _of_names(part, parts, owner)
        if is_known:
            yield from of_rope(folders, part, parts)
            yield from of_values(folders, part, parts)
        if is_strict:
            yield from _of_types(part, parts, owner)
    yield from of_tokenizer(file)


def _configs(config: Mapping[str, Any]) -> list[Parts]:
    inner: list[Parts] = [(key,) for key, value in config.items() if _is_config(key, value)]
    return [(), *inner]


def _is_config(key: str, value: object) -> bool:
    return key.endswith("_config") and key != "quantization_config" and isinstance(value, dict)


def _of_model_type(folders: Folders, config: Mapping[str, Any]) -> Iterator[Problem]:
    named, known = config.get("model_type"), model_types(folders)
    if not isinstance(named, str) or not known or "auto_map" in config:
        return
    # Some configs write a hyphen where the table has an underscore.
    if named.replace("-", "_") in {each.replace("-", "_") for each in known}:
        return
    version = version_on(folders, "transformers") or ""
    written = config.get("transformers_version")
    near = get_close_matches(named, known, 1, 0.8)
    why = ""
    if isinstance(written, str) and _numbers(written) > _numbers(version):
        why = f"; the file was written by {written}"
    elif near:
        why = f"; did you mean {near[0]}?"
    message = f"transformers {version} has no model type {named}{why}"
    yield Problem("config-model-type", ("model_type",), message)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d{1,9}", version)[:3])


def _of_names(part: Mapping[str, Any], parts: Parts, owner: Class | None) -> Iterator[Problem]:
    for name in part if owner else ():
        moved = replacement(owner, name) if owner else ()
        if moved and moved[0] not in part and part[name] is not None:
            new = ".".join(moved)
            simple = new if len(moved) == 1 else None
            message = f"{owner.name if owner else ''} calls this {new} by now; {name} is still read"
            yield Problem("config-superseded", (*parts, name), message, simple)


def _of_types(part: Mapping[str, Any], parts: Parts, owner: Class | None) -> Iterator[Problem]:
    for name, value in part.items() if owner else ():
        field = owner.fields.get(name) if owner else None
        allowed = _plain_types(field.type) if field else None
        if allowed is None or value is None or (isinstance(value, allowed) and _is_no_bool(value, allowed)):
            continue
        shown = type(value).__name__
        message = f"{name} is of type {field.type if field else ''}, not {shown}"
        yield Problem("config-type", (*parts, name), message)


def _is_no_bool(value: object, allowed: tuple[type, ...]) -> bool:
    return not isinstance(value, bool) or bool in allowed


def _plain_types(annotation: str) -> tuple[type, ...] | None:
    """The types of ``int | float | None``; None for an annotation that is not made of plain ones."""
    words = [word.strip() for word in annotation.split("|")]
    if not annotation or any(word not in (*_PLAIN, "None") for word in words):
        return None
    return tuple({kind for word in words for kind in _PLAIN.get(word, ())})


def _of_generation(config: Mapping[str, Any]) -> Iterator[Problem]:
    if config.get("do_sample") is True:
        return
    for name in _SAMPLING:
        value = config.get(name)
        if isinstance(value, (int, float)) and value != _NEUTRAL.get(name) and not isinstance(value, bool):
            message = f"{name} has no effect without do_sample: true"
            yield Problem("generation-sampling", (name,), message)
