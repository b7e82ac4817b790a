"""Where a document gives a loaded model a dtype: an argument of the call, or a method called later."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from model_loupe.documents.calls import Calls
from model_loupe.documents.facts import Facts, given
from model_loupe.documents.objects import Objects
from model_loupe.documents.reference import Reference, Span
from model_loupe.documents.resolve import Names, place_of
from model_loupe.documents.trace import CASTS, cast_of
from model_loupe.domain.dtypes import canonical_name

DTYPE_ARGUMENTS = ("dtype", "torch_dtype")
"""What the argument is called, the newer name first."""


class Cast(NamedTuple):
    """``span`` is the argument, or the method's name with its arguments, in ``call``; ``method`` says which.

    ``reference`` is the call that loads what is cast.
    """

    cell: int | None
    span: Span
    call: Span
    dtype: str
    reference: Reference
    method: bool


class Casts:
    """Finds the casts of one document."""

    def __init__(self, indexes: Sequence[int | None], names: Names, calls: Calls, objects: Objects) -> None:
        self._indexes = indexes
        self._names = names
        self._calls = calls
        self._objects = objects

    def all(self) -> list[Cast]:
        """The casts of whole models, in document order."""
        found = [*self._methods(), *self._arguments()]
        return sorted(found, key=lambda cast: (cast.cell or 0, cast.span))

    def _methods(self) -> Iterator[Cast]:
        for name in (*CASTS, "to", "type"):
            for number, (node, scope) in (
                (n, (site.node, site.scope)) for n, site in self._names.calls(name)
            ):
                if not isinstance(node.func, ast.Attribute):
                    continue
                dtype = cast_of(node) or self._by_name(node, number, scope)
                if dtype is None:
                    continue
                owner = node.func.value
                traced = self._objects.trace(owner, place_of(number, scope, owner))
                if traced is not None and traced.kind == "model" and not traced.parts:
                    facts = self._names.texts[number]
                    call = facts.source.span(node)
                    span = Span(*_name_start(facts, node.func), call.end_line, call.end_column)
                    yield Cast(self._indexes[number], span, call, dtype, traced.reference, True)

    def _by_name(self, call: ast.Call, number: int, scope: int) -> str | None:
        """The dtype that a variable in ``model.to(device, dtype)`` has, where it can have but one."""
        named = given(call, "dtype", None)
        for node in (named,) if named is not None else call.args:
            if not isinstance(node, ast.Name):
                continue
            bound = self._names.candidates(node.id, place_of(number, scope, node))
            binding = bound[0].binding if len(bound) == 1 else None
            if binding and binding.value and not binding.path and (dtype := dtype_named(binding.value)):
                return dtype
        return None

    def _arguments(self) -> Iterator[Cast]:
        for number, site, reference in self._calls.found:
            for keyword in site.node.keywords:
                dtype = dtype_named(keyword.value) if keyword.arg in DTYPE_ARGUMENTS else None
                if dtype is not None:
                    span = self._names.texts[number].source.span(keyword)
                    yield Cast(self._indexes[number], span, reference.call, dtype, reference, False)


def dtype_named(node: ast.expr) -> str | None:
    """The dtype that ``torch.float16`` or ``"float16"`` names."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return canonical_name(node.attr)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return canonical_name(node.value)
    return None


def _name_start(facts: Facts, func: ast.Attribute) -> tuple[int, int]:
    span = facts.source.span(func)
    return span.end_line, max(0, span.end_column - len(func.attr))
