"""Where a document gives a loaded model a dtype: an argument of the call, or a method called later."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from model_loupe.documents.calls import Calls
from model_loupe.documents.facts import CallSite, Facts, dotted, given
from model_loupe.documents.objects import Objects
from model_loupe.documents.reference import Reference, Span
from model_loupe.documents.resolve import Names, place_of
from model_loupe.documents.trace import CASTS, cast_of
from model_loupe.domain.dtypes import canonical_name

DTYPE_ARGUMENTS = ("dtype", "torch_dtype")
"""What the argument is called, the newer name first."""


class Cast(NamedTuple):
    """``span`` is the argument, or the method's name with its arguments, in ``call``; ``method`` says which.

    ``dtype`` is None where what a method is given may be one of several. ``reference`` is the call that loads
    what is cast.
    """

    cell: int | None
    span: Span
    call: Span
    dtype: str | None
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
            for number, site in self._names.calls(name):
                cast = self._method(number, site)
                if cast is not None:
                    yield cast

    def _method(self, number: int, site: CallSite) -> Cast | None:
        func = site.node.func
        if not isinstance(func, ast.Attribute):
            return None
        dtypes = {cast_of(site.node)} - {None} or self._given(site.node, number, site.scope)
        traced = self._objects.trace(func.value, place_of(number, site.scope, func.value)) if dtypes else None
        if traced is None or traced.kind != "model" or traced.parts:
            return None
        facts = self._names.texts[number]
        call = facts.source.span(site.node)
        span = Span(*_name_start(facts, func), call.end_line, call.end_column)
        dtype = next(iter(dtypes)) if len(dtypes) == 1 else None
        return Cast(self._indexes[number], span, call, dtype, traced.reference, True)

    def _given(self, call: ast.Call, number: int, scope: int) -> set[str | None]:
        """The dtypes that ``model.to(device, dtype)`` may be given, None for one not known; none: no cast."""
        named = given(call, "dtype", None)
        if named is not None:
            is_none = isinstance(named, ast.Constant) and named.value is None
            return set() if is_none else self._may_be(named, number, scope)
        for node in call.args:
            dtypes = self._may_be(node, number, scope)
            if dtypes - {None} or (dotted(node) or "").endswith("dtype"):
                return dtypes
        return set()

    def _may_be(self, node: ast.expr, number: int, scope: int) -> set[str | None]:
        """The dtypes that an expression names, itself or through a variable; None for what is not known."""
        if not isinstance(node, ast.Name):
            return _dtypes(node)
        bound = self._names.candidates(node.id, place_of(number, scope, node))
        values = [each.binding.value if not each.binding.path else None for each in bound]
        return {dtype for value in values or [None] for dtype in _dtypes(value)}

    def _arguments(self) -> Iterator[Cast]:
        for number, site, reference in self._calls.found:
            for keyword in site.node.keywords:
                dtype = dtype_named(keyword.value) if keyword.arg in DTYPE_ARGUMENTS else None
                if dtype is not None:
                    span = self._names.texts[number].source.span(keyword)
                    yield Cast(self._indexes[number], span, reference.call, dtype, reference, False)


def _dtypes(value: ast.expr | None) -> set[str | None]:
    """Those of either branch of ``torch.float16 if on_gpu else torch.float32``."""
    if isinstance(value, ast.IfExp):
        return _dtypes(value.body) | _dtypes(value.orelse)
    return {dtype_named(value) if value is not None else None}


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
