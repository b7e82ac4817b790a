"""What string an expression is, as far as the text tells.

A name means its last binding before the use, in the innermost scope that has one; a function sees what the
module binds anywhere. Everything else about a value (imports, calls of unknown functions) is not known.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import NamedTuple

from model_loupe.documents.facts import MODULE, Binding, Facts

_MAX_DEPTH = 24


class Place(NamedTuple):
    """Where an expression stands: the text's number, the scope in it, line and column as in ``ast``."""

    text: int
    scope: int
    line: int
    column: int


class Known(NamedTuple):
    """A string and how sure it is: 1.0 as written, less for each assumption made."""

    text: str
    confidence: float


class _Bound(NamedTuple):
    binding: Binding
    text: int


class Names:
    """All bindings of a document's texts (one of a file, several of a notebook), in document order."""

    def __init__(self, texts: Sequence[Facts]) -> None:
        self._texts = texts
        self._bindings: dict[tuple[int, int, str], list[_Bound]] = {}
        for number, facts in enumerate(texts):
            for binding in facts.bindings:
                # The outermost scopes of all cells are one.
                text = -1 if binding.scope == MODULE else number
                self._bindings.setdefault((text, binding.scope, binding.name), []).append(
                    _Bound(binding, number)
                )

    def value(self, expression: ast.expr, place: Place, depth: int = 0) -> Known | None:
        """The string that ``expression`` is at ``place``, or None."""
        if depth > _MAX_DEPTH:
            return None
        if isinstance(expression, ast.Constant):
            return Known(expression.value, 1.0) if isinstance(expression.value, str) else None
        if isinstance(expression, ast.Name):
            return self._name(expression.id, place, depth)
        if isinstance(expression, ast.Attribute):
            if isinstance(expression.value, ast.Name):
                return self._name(f"{expression.value.id}.{expression.attr}", place, depth)
            return None
        if isinstance(expression, ast.JoinedStr):
            return self._joined(expression.values, place, depth, "")
        if isinstance(expression, ast.FormattedValue):
            plain = expression.conversion in (-1, 115) and expression.format_spec is None
            return self.value(expression.value, place, depth + 1) if plain else None
        if isinstance(expression, ast.BinOp) and isinstance(expression.op, (ast.Add, ast.Div)):
            separator = "/" if isinstance(expression.op, ast.Div) else ""
            return self._joined([expression.left, expression.right], place, depth, separator)
        if isinstance(expression, (ast.IfExp, ast.BoolOp)):
            return self._either(expression, place, depth)
        if isinstance(expression, ast.Call):
            return self._call(expression, place, depth)
        return None

    def bindings(self, name: str, place: Place) -> list[tuple[Binding, int]]:
        """The bindings that a use of ``name`` at ``place`` may mean, the likeliest last."""
        scope: int | None = place.scope
        facts = self._texts[place.text]
        while scope is not None:
            text = -1 if scope == MODULE else place.text
            found = self._bindings.get((text, scope, name), [])
            if scope == place.scope:
                here = (place.text, place.line, place.column)
                before = [bound for bound in found if (bound.text, *bound.binding.position) < here]
                # A loop's body may use what a later line binds; so may a cell that is run again.
                found = before or found
            if found:
                return [(bound.binding, bound.text) for bound in found]
            scope = None if scope == MODULE else facts.parents[scope]
        return []

    def _name(self, name: str, place: Place, depth: int) -> Known | None:
        found = self.bindings(name, place)
        if not found:
            return None
        binding, text = found[-1]
        if binding.value is None:
            return None
        where = Place(text, self._value_scope(binding, text), *binding.position)
        known = self.value(binding.value, where, depth + 1)
        if known is None:
            return None
        certainty = 0.95 if binding.certain else 0.7
        return Known(known.text, known.confidence * certainty)

    def _value_scope(self, binding: Binding, text: int) -> int:
        # A parameter's default is evaluated outside of the function.
        return binding.scope if binding.target is not None else self._texts[text].parents[binding.scope]

    def _joined(self, parts: Sequence[ast.expr], place: Place, depth: int, separator: str) -> Known | None:
        texts: list[str] = []
        confidence = 1.0
        for part in parts:
            known = self.value(part, place, depth + 1)
            if known is None:
                return None
            texts.append(known.text)
            confidence *= known.confidence
        if separator:
            texts = [texts[0].rstrip("/"), *texts[1:]]
        return Known(separator.join(texts), confidence)

    def _either(self, expression: ast.IfExp | ast.BoolOp, place: Place, depth: int) -> Known | None:
        if isinstance(expression, ast.IfExp):
            candidates = [expression.body, expression.orelse]
        else:
            candidates = expression.values if isinstance(expression.op, ast.Or) else []
        for candidate in candidates:
            known = self.value(candidate, place, depth + 1)
            if known is not None:
                return Known(known.text, known.confidence * 0.5)
        return None

    def _call(self, call: ast.Call, place: Place, depth: int) -> Known | None:
        name = dotted(call.func)
        if name is None or any(isinstance(argument, ast.Starred) for argument in call.args):
            return None
        last = name.rpartition(".")[2]
        if name.endswith("path.join"):
            return self._joined(call.args, place, depth, "/")
        if last in ("Path", "PurePath", "str", "expanduser", "abspath") and call.args:
            return self._joined(call.args, place, depth, "/")
        if name.endswith(("environ.get", "getenv")) and len(call.args) == 2:
            known = self.value(call.args[1], place, depth + 1)
            return Known(known.text, known.confidence * 0.6) if known else None
        return None


def dotted(expression: ast.expr) -> str | None:
    """``a.b.c`` for a chain of names; None for anything else."""
    parts: list[str] = []
    while isinstance(expression, ast.Attribute):
        parts.append(expression.attr)
        expression = expression.value
    if not isinstance(expression, ast.Name):
        return None
    parts.append(expression.id)
    return ".".join(reversed(parts))
