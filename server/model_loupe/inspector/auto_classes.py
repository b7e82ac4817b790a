"""Which Auto class of the installed transformers makes which class of a model type: read off its source."""

from __future__ import annotations

import ast
import os
from functools import lru_cache

from model_loupe.inspector.environment import path_of

_FILE = os.path.join("transformers", "models", "auto", "modeling_auto.py")
# These take nearly any head: another, where there is one, says what the model is for.
_LAST = ("AutoModelForPreTraining", "AutoModelWithLMHead", "AutoModelForTextEncoding")

Mapping = dict[str, tuple[str, ...]]
"""Model type → names of classes."""


def auto_class_of(model_class: str | None, model_type: str | None, interpreter: str) -> str | None:
    """The Auto class that makes ``model_class`` of a config of ``model_type``; None if none is known to."""
    if not model_class or not model_type:
        return None
    for entry in path_of(interpreter):
        path = os.path.join(entry, _FILE)
        if os.path.isfile(path):
            found = [
                name
                for name, mapping in _of_source(path).items()
                if model_class in mapping.get(model_type, ())
            ]
            return min(found, key=lambda name: name in _LAST) if found else None
    return None


@lru_cache(maxsize=4)
def _of_source(path: str) -> dict[str, Mapping]:
    """The Auto classes and what each maps, in the order of the file."""
    try:
        with open(path, encoding="utf-8") as file:
            body = ast.parse(file.read()).body
    except (OSError, ValueError, SyntaxError):
        return {}
    assigned = {
        target.id: statement.value
        for statement in body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    found = {}
    for statement in body:
        if isinstance(statement, ast.ClassDef) and not statement.name.startswith("_"):
            mapping = _mapping(statement, assigned)
            if mapping:
                found[statement.name] = mapping
    return found


def _mapping(owner: ast.ClassDef, assigned: dict[str, ast.expr]) -> Mapping:
    """``_model_mapping = X``; ``X = _LazyAutoMapping(…, X_NAMES)``; ``X_NAMES = OrderedDict([…])``."""
    named = next(
        (
            statement.value
            for statement in owner.body
            if isinstance(statement, ast.Assign)
            and any(isinstance(each, ast.Name) and each.id == "_model_mapping" for each in statement.targets)
        ),
        None,
    )
    lazy = assigned.get(named.id) if isinstance(named, ast.Name) else None
    names = lazy.args[-1] if isinstance(lazy, ast.Call) and lazy.args else None
    made = assigned.get(names.id) if isinstance(names, ast.Name) else None
    rows = made.args[0] if isinstance(made, ast.Call) and made.args else None
    return (
        dict(_row(row) for row in rows.elts if isinstance(row, ast.Tuple))
        if isinstance(rows, ast.List)
        else {}
    )


def _row(row: ast.Tuple) -> tuple[str, tuple[str, ...]]:
    key, value = row.elts
    several = value.elts if isinstance(value, ast.Tuple) else [value]
    return _text(key), tuple(_text(each) for each in several)


def _text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
