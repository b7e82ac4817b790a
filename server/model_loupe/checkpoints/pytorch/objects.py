"""Dicts, classes and attributes as a pickle describes them."""

from __future__ import annotations

from typing import Any

from model_loupe.checkpoints.pickle_opcodes import Global, Mapping, Object, Persistent

MAX_NAME_CHARACTERS = 2_000
DICTS = ("collections.OrderedDict", "collections.defaultdict", "collections.Counter")


def class_path(value: Any) -> str | None:
    function = value.function if type(value) is Object else None
    if type(function) is Persistent and type(function.id) is tuple and len(function.id) == 4:
        # Legacy files name a module's class so: ("module", class, source file, source).
        function = function.id[1]
    return function.path if type(function) is Global else None


def listed_pairs(arguments: Any) -> list[Any]:
    """Python 2 pickles an OrderedDict as a call with ``[[key, value], …]``."""
    if type(arguments) is not tuple or not arguments or type(arguments[0]) is not list:
        return []
    return [part for pair in arguments[0] if type(pair) in (list, tuple) and len(pair) == 2 for part in pair]


def key_text(key: Any, position: int) -> str:
    if type(key) is str:
        return key[: MAX_NAME_CHARACTERS + 1]
    if type(key) in (int, bytes):
        return str(as_text(key))
    return f"[{position}]"


def attributes_of(state: Any) -> Any:
    """The attributes: a state is a dict, or a pair of it and the attributes in slots."""
    return state[0] if type(state) is tuple and len(state) == 2 and type(state[0]) is Mapping else state


def shortened(text: str) -> str:
    return text if len(text) <= 100 else text[:99] + "…"


def as_text(value: Any) -> Any:
    return value.decode("utf-8", "replace") if type(value) is bytes else value
