"""Columns between what a client counts (UTF-8, UTF-16 or UTF-32 units) and code points.

``documents`` counts code points. LSP counts the units of an encoding that client and server agree on, UTF-16
unless they say otherwise. Lines are counted alike (``text.Text``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lsprotocol import types

if TYPE_CHECKING:
    from model_loupe.documents import Span


def _utf8_units(character: str) -> int:
    code = ord(character)
    return 1 if code < 0x80 else 2 if code < 0x800 else 3 if code < 0x10000 else 4


def _utf16_units(character: str) -> int:
    return 1 if ord(character) < 0x10000 else 2


_UNITS = {types.PositionEncodingKind.Utf8: _utf8_units, types.PositionEncodingKind.Utf16: _utf16_units}


class PositionEncoding:
    """Translates columns, positions and ranges for one negotiated encoding."""

    __slots__ = ("_units",)

    def __init__(self, kind: types.PositionEncodingKind | str | None = None) -> None:
        if kind == types.PositionEncodingKind.Utf32:
            self._units = None
        else:
            self._units = _UNITS.get(types.PositionEncodingKind(kind or "utf-16"), _utf16_units)

    def to_column(self, line: str, units: int) -> int:
        """Code points before ``units``: past the end is the end, inside a character is its start."""
        if self._units is None or line.isascii():
            return max(0, min(units, len(line)))
        seen = 0
        for column, character in enumerate(line):
            seen += self._units(character)
            if seen > units:
                return column
        return len(line)

    def to_units(self, line: str, column: int) -> int:
        """The client's units before code point ``column``."""
        before = line[:column]
        if self._units is None or before.isascii():
            return len(before)
        return sum(map(self._units, before))

    def to_place(self, lines: Sequence[str], position: types.Position) -> tuple[int, int]:
        """Line and column in code points; a line past the end is the end of the text."""
        if position.line >= len(lines):
            return len(lines) - 1, len(lines[-1])
        return position.line, self.to_column(lines[position.line], position.character)

    def to_position(self, lines: Sequence[str], line: int, column: int) -> types.Position:
        """The client's position of a line and column in code points."""
        if line >= len(lines):
            line, column = len(lines) - 1, len(lines[-1])
        return types.Position(line, self.to_units(lines[line], column))

    def to_range(self, lines: Sequence[str], span: Span) -> types.Range:
        """The client's range of a span."""
        return types.Range(
            self.to_position(lines, span.line, span.column),
            self.to_position(lines, span.end_line, span.end_column),
        )
