"""What an expression under a cursor is: a model, a part of one, its config, its tokenizer."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from model_loupe.documents.calls import Calls
from model_loupe.documents.facts import MODULE, CallSite, Facts, Use, dotted
from model_loupe.documents.follow import Follower
from model_loupe.documents.memory import uses_of
from model_loupe.documents.reference import Reference, Span
from model_loupe.documents.resolve import Key, Names, Place, place_of
from model_loupe.documents.trace import CASTS, Parts, Traced, Tracer, cast_of
from model_loupe.documents.walk import GETTERS

_LONGEST_CHAIN = 2000
# Methods of tokenizers that take a text, besides the call of one.
_TOKENIZING = ("encode", "tokenize", "encode_plus", "batch_encode_plus", "__call__")
_PARTIAL = re.compile(
    r"(?:\.\s*|(?P<call>\.\s*(?:"
    + "|".join(sorted(GETTERS))
    + r")\(\s*)[\"'](?P<dots>[\w.]*\.)?)(?P<word>\w*)$"
)
_PARAMETER = re.compile(r"[A-Za-z_]\w{0,99}(?:\.\w{1,99}){1,40}")
_OPENING = {")": "(", "]": "["}


class Object(NamedTuple):
    """What a call loads, or a part of it. ``span`` is the name, index or literal under the cursor.

    ``kind`` is ``model``, ``config``, ``tokenizer``, ``processor`` or ``pipeline``; ``parts`` lead from it to
    the part: names and indexes, ``*`` for any one. ``base`` loads the model below an adapter. ``cast`` is the
    dtype that the code has cast it to by then. ``text`` is what a tokenizer is given, where it is a literal.
    """

    span: Span
    reference: Reference
    kind: str
    parts: Parts
    base: Reference | None = None
    cast: str | None = None
    text: str | None = None


class Typed(NamedTuple):
    """The object whose part is being typed: ``word`` so far, at ``span``; ``dotted``: in a literal."""

    object: Object
    word: str
    span: Span
    dotted: bool


class Objects:
    """Answers for the places of one document."""

    def __init__(
        self,
        indexes: Sequence[int | None],
        names: Names,
        follower: Follower,
        calls: Calls,
    ) -> None:
        self._indexes = indexes
        self._names = names
        self._follower = follower
        self._calls = calls

    def at(self, cell: int | None, line: int, column: int) -> Object | None:
        """The object that a cursor before ``line``, ``column`` touches."""
        number = self._number(cell)
        if number is None:
            return None
        facts = self._names.texts[number]
        tokenized = self._tokenized_at(number, line, column) or self._measured_at(number, line, column)
        if tokenized is not None:
            return tokenized
        for use in uses_of(facts):
            node = use.node
            if not node.lineno - 1 <= line <= (node.end_lineno or 0) - 1:
                continue
            span = _own_span(facts, node)
            if span is not None and span.contains(line, column):
                found = self._object(number, use, span)
                if found is not None:
                    return found
        return self._target_at(number, line, column)

    def _tokenized_at(self, number: int, line: int, column: int) -> Object | None:
        """A literal that a tokenizer is called with (``tokenizer("…")``), or the name of what is called."""
        facts = self._names.texts[number]
        for site, text in _calls_with_text(facts, line):
            func = site.node.func
            touched = (_own_span(facts, node) for node in (site.node.args[0], func))
            place = next((span for span in touched if span and span.contains(line, column)), None)
            if place is None:
                continue
            is_method = isinstance(func, ast.Attribute) and func.attr in _TOKENIZING
            owner = func.value if isinstance(func, ast.Attribute) and is_method else func
            traced = self._tracer.of(owner, place_of(number, site.scope, owner))
            if traced and traced.kind == "tokenizer" and not traced.parts:
                return _made(place, traced)._replace(text=text)
        return None

    def _measured_at(self, number: int, line: int, column: int) -> Object | None:
        """``len`` of a tokenizer: its part ``__len__``."""
        facts = self._names.texts[number]
        for site in facts.calls.get("len", ()):
            span = _own_span(facts, site.node.func)
            if span and span.contains(line, column) and len(site.node.args) == 1:
                measured = site.node.args[0]
                traced = self._tracer.of(measured, place_of(number, site.scope, measured))
                if traced and traced.kind == "tokenizer" and not traced.parts:
                    return _made(span, traced)._replace(parts=("__len__",))
        return None

    def typed(self, cell: int | None, line: int, column: int) -> Typed | None:
        """The object behind whose dot the cursor stands, also where the statement does not parse yet."""
        number = self._number(cell)
        lines = self._names.texts[number].source.lines() if number is not None else []
        if number is None or line >= len(lines):
            return None
        before = lines[line][:column]
        match = _PARTIAL.search(before)
        chain = chain_before(before[: match.start()]) if match else ""
        if match is None or not chain:
            return None
        try:
            node = ast.parse(chain, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
        place = Place(number, self._scope_at(number, line, lines[line]), line + 1, len(before.encode()))
        traced = self._tracer.of(node, place)
        if traced is None:
            return None
        word = match.group("word")
        span = Span(line, column - len(word), line, column)
        below = tuple(
            int(part) if part.isdecimal() else part for part in (match.group("dots") or "").split(".") if part
        )
        found = _made(span, traced)
        return Typed(
            found._replace(parts=(*found.parts, *below)), word, span, match.group("call") is not None
        )

    def trace(self, node: ast.expr, place: Place) -> Traced | None:
        """What an expression of the document is."""
        return self._tracer.of(node, place)

    # Made by the first question: analysis itself does not need them.

    @cached_property
    def _loading(self) -> Mapping[Key, Reference]:
        return self._calls.loading()

    @cached_property
    def _tracer(self) -> Tracer:
        return Tracer(self._follower, self._loading, self._calls.written)

    def _number(self, cell: int | None) -> int | None:
        return next((number for number, index in enumerate(self._indexes) if index == cell), None)

    def _object(self, number: int, use: Use, span: Span) -> Object | None:
        place = place_of(number, use.scope, use.node)
        if isinstance(use.node, ast.Constant):
            return self._named(use.node.value, place, span)
        traced = self._tracer.of(use.node, place)
        if traced is None:
            return None
        return _made(span, traced)._replace(cast=self._cast_in_place(use.node, place) or traced.cast)

    def _named(self, text: object, place: Place, span: Span) -> Object | None:
        """A literal that may be the name of a parameter: of the model that was loaded last before it."""
        if not isinstance(text, str) or not _PARAMETER.fullmatch(text):
            return None
        loaded = [
            (key[:3], reference) for key, reference in self._loading.items() if reference.role == "model"
        ]
        before = [found for found in loaded if found[0] < (place.text, place.line, place.column)]
        if not loaded:
            return None
        reference = max(before)[1] if before else min(loaded)[1]
        parts = tuple(int(part) if part.isdecimal() else part for part in text.split("."))
        return Object(span, reference, "model", parts)

    def _target_at(self, number: int, line: int, column: int) -> Object | None:
        """A name where it is given its object."""
        facts = self._names.texts[number]
        for bindings in facts.bindings.values():
            for binding in bindings:
                target, value = binding.target, binding.value
                if (
                    target is None
                    or value is None
                    or not target.lineno - 1 <= line <= (target.end_lineno or 0) - 1
                ):
                    continue
                span = facts.source.span(target)
                if span.contains(line, column):
                    traced = self._tracer.of(
                        value, place_of(number, binding.value_scope, value), binding.path
                    )
                    if traced is not None:
                        return _made(span, traced)
        return None

    def _cast_in_place(self, node: ast.expr, place: Place) -> str | None:
        """The dtype that a statement of its own (``model.half()``) has given the object."""
        while isinstance(node, (ast.Subscript, ast.Attribute)) and dotted(node) is None:
            node = node.value
        owner = (dotted(node) or "").partition(".")[0]
        bound = self._names.candidates(owner, place) if owner else []
        since = (bound[0].text, *bound[0].binding.position) if bound else (-1, 0, 0)
        until = (place.text, place.line, place.column)
        last: tuple[tuple[int, int, int], str] | None = None
        for name in (*CASTS, "to", "type"):
            for number, site in self._names.calls(name):
                where = (number, site.node.lineno, site.node.col_offset)
                if (
                    site.callee == f"{owner}.{name}"
                    and since < where < until
                    and (not last or where > last[0])
                ):
                    dtype = cast_of(site.node)
                    last = (where, dtype) if dtype else last
        return last[1] if last else None

    def _scope_at(self, number: int, line: int, text: str) -> int:
        """The scope of a line, which need not parse: that of what was last named before it."""
        if not text[:1].isspace():
            return MODULE
        scope = MODULE
        for use in uses_of(self._names.texts[number]):
            if use.node.lineno - 1 <= line:
                scope = use.scope
        return scope


def _made(span: Span, traced: Traced) -> Object:
    return Object(span, traced.reference, traced.kind, traced.parts, traced.base, traced.cast)


def _calls_with_text(facts: Facts, line: int) -> Iterator[tuple[CallSite, str]]:
    """The calls on a line whose first argument is a text."""
    for sites in facts.calls.values():
        for site in sites:
            node = site.node
            if node.lineno - 1 <= line <= (node.end_lineno or 0) - 1 and node.args:
                given = node.args[0]
                if isinstance(given, ast.Constant) and isinstance(given.value, str):
                    yield site, given.value


def _own_span(facts: Facts, node: ast.expr) -> Span | None:
    """What of a chain stands for its last step: the attribute's name, the brackets, a getter's argument."""
    span = facts.source.span(node)
    if isinstance(node, ast.Attribute):
        return span._replace(line=span.end_line, column=max(0, span.end_column - len(node.attr)))
    if isinstance(node, ast.Subscript):
        inner = facts.source.span(node.value)
        return Span(inner.end_line, inner.end_column, span.end_line, span.end_column)
    if isinstance(node, ast.Call):
        return facts.source.span(node.args[0]) if node.args else None
    if isinstance(node, ast.Constant):
        # Python before 3.12 misplaces the parts of f-strings.
        return span if facts.source.fragment(node)[-1:] in ("'", '"') else None
    return span if isinstance(node, ast.Name) else None


def chain_before(text: str) -> str:
    """The names, indexes and calls that end a line: ``x = f(model.layers[0]`` → ``model.layers[0]``."""
    position = len(text)
    closing: list[str] = []
    while position > 0 and len(text) - position < _LONGEST_CHAIN:
        character = text[position - 1]
        if character in _OPENING:
            closing.append(_OPENING[character])
        elif closing:
            if character == closing[-1]:
                closing.pop()
        elif not (character.isalnum() or character in "_."):
            break
        position -= 1
    return text[position:].lstrip(".") if not closing else ""
