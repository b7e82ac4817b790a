"""Which modules the installed transformers keeps in float32 for a class: read off its source."""

from __future__ import annotations

from typing import NamedTuple

from model_loupe.inspector.environment import path_of
from model_loupe.inspector.installed.model_classes import model_class


class KeptInFloat32(NamedTuple):
    """Parts of dotted names. ``plain`` guard float16 alone, ``strict`` bfloat16 too."""

    plain: tuple[str, ...] = ()
    strict: tuple[str, ...] = ()


def kept_in_float32(architecture: str | None, model_type: str | None, interpreter: str) -> KeptInFloat32:
    """Of the class ``architecture``; nothing where the source of its model type is not there."""
    found = model_class(path_of(interpreter), architecture, model_type)
    if found is None:
        return KeptInFloat32()
    names = ("_keep_in_fp32_modules", "_keep_in_fp32_modules_strict")
    return KeptInFloat32(*(_strings(found.variables.get(name)) for name in names))


def _strings(value: object) -> tuple[str, ...]:
    listed = value if isinstance(value, (list, tuple, set)) else ()
    return tuple(each for each in listed if isinstance(each, str))
