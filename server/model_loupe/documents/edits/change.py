"""What an edit is, and how texts with edits are made."""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from typing import NamedTuple

from model_loupe.documents.reference import Span


class Edit(NamedTuple):
    """``text`` instead of what stands at ``span``, in text number ``part`` of a document (a file's is 0)."""

    span: Span
    text: str
    part: int = 0


class Places:
    """Offsets in a text, as lines and columns, and back. Lines end with ``\\n`` alone."""

    __slots__ = ("_starts",)

    def __init__(self, text: str) -> None:
        self._starts = [0, *(at + 1 for at, character in enumerate(text) if character == "\n")]

    def offset(self, line: int, column: int) -> int:
        return self._starts[line] + column

    def span(self, start: int, end: int) -> Span:
        return Span(*self._place(start), *self._place(end))

    def _place(self, offset: int) -> tuple[int, int]:
        line = bisect.bisect_right(self._starts, offset) - 1
        return line, offset - self._starts[line]


def slice_of(text: str, span: Span) -> slice:
    """Where ``span`` is in ``text``."""
    places = Places(text)
    return slice(places.offset(span.line, span.column), places.offset(span.end_line, span.end_column))


def replacement(text: str, where: slice, new: str, part: int) -> Edit:
    """The smallest edit that puts ``new`` at ``where`` of ``text``."""
    old = text[where]
    before = _alike(old, new)
    after = _alike(old[before:][::-1], new[before:][::-1])
    span = Places(text).span(where.start + before, where.stop - after)
    return Edit(span, new[before : len(new) - after], part)


def _alike(one: str, other: str) -> int:
    """How many characters at the beginning are the same."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def applied(text: str, edits: Iterable[Edit]) -> str:
    """``text`` after ``edits``, which may not overlap; insertions at one place come in their order."""
    places = Places(text)
    done = 0
    pieces: list[str] = []
    for edit in sorted(edits, key=lambda edit: edit.span):
        start = places.offset(edit.span.line, edit.span.column)
        if start < done:
            raise ValueError("edits overlap")
        pieces += (text[done:start], edit.text)
        done = places.offset(edit.span.end_line, edit.span.end_column)
    return "".join((*pieces, text[done:]))
