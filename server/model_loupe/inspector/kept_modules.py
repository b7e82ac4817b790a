"""Which modules the installed transformers keeps in float32 for a class: read off its source."""

from __future__ import annotations

import ast
import os
from functools import lru_cache
from typing import NamedTuple

from model_loupe.inspector.environment import path_of

_NAMES = ("_keep_in_fp32_modules", "_keep_in_fp32_modules_strict")


class KeptInFloat32(NamedTuple):
    """Parts of dotted names. ``plain`` guard float16 alone, ``strict`` bfloat16 too."""

    plain: tuple[str, ...] = ()
    strict: tuple[str, ...] = ()


def kept_in_float32(architecture: str | None, model_type: str | None, interpreter: str) -> KeptInFloat32:
    """Of the class ``architecture``; nothing where the source of its model type is not there."""
    folder = (model_type or "").replace("-", "_")
    if not architecture or not folder.isidentifier():
        return KeptInFloat32()
    for entry in path_of(interpreter):
        path = os.path.join(entry, "transformers", "models", folder, f"modeling_{folder}.py")
        if os.path.isfile(path):
            return _of_source(path, architecture)
    return KeptInFloat32()


@lru_cache(maxsize=64)
def _of_source(path: str, architecture: str) -> KeptInFloat32:
    try:
        with open(path, encoding="utf-8") as file:
            tree = ast.parse(file.read())
    except (OSError, ValueError, SyntaxError):
        return KeptInFloat32()
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    return KeptInFloat32(*(_value(classes, architecture, name, 0) for name in _NAMES))


def _value(classes: dict[str, ast.ClassDef], owner: str, name: str, depth: int) -> tuple[str, ...]:
    """A list of names that a class, or the nearest of its bases in this file, has."""
    node = classes.get(owner)
    if node is None or depth > 10:
        return ()
    for statement in node.body:
        if isinstance(statement, ast.Assign) and any(
            isinstance(each, ast.Name) and each.id == name for each in statement.targets
        ):
            return _strings(statement.value)
    for base in node.bases:
        if isinstance(base, ast.Name):
            found = _value(classes, base.id, name, depth + 1)
            if found:
                return found
    return ()


def _strings(value: ast.expr) -> tuple[str, ...]:
    items = value.elts if isinstance(value, (ast.List, ast.Tuple, ast.Set)) else []
    return tuple(
        each.value for each in items if isinstance(each, ast.Constant) and isinstance(each.value, str)
    )
