"""A text as LSP sees it: lines, edits, versions.

pygls' own text documents are not used: they end lines wherever ``str.splitlines`` does (form feeds,
U+2028 …, which LSP and Python do not), and a position past the end of a line without a line break loses that
line's last character.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable

from lsprotocol import types

from model_loupe.lsp.positions import PositionEncoding

_LINE_BREAK = re.compile(r"\r\n|\n|\r")

Change = types.TextDocumentContentChangePartial | types.TextDocumentContentChangeWholeDocument


class Text:
    """An immutable text. ``lines`` have no line breaks; there is always at least one."""

    __slots__ = ("_lines", "_starts", "source")

    def __init__(self, source: str) -> None:
        self.source = source
        self._lines: tuple[str, ...] | None = None
        self._starts: list[int] | None = None

    @property
    def lines(self) -> tuple[str, ...]:
        if self._lines is None:
            self._lines = tuple(_LINE_BREAK.split(self.source))
        return self._lines

    def edited(self, change: Change, encoding: PositionEncoding) -> Text:
        """This text after a change as ``textDocument/didChange`` reports it."""
        if isinstance(change, types.TextDocumentContentChangeWholeDocument):
            return Text(change.text)
        start = self.offset(change.range.start, encoding)
        end = max(start, self.offset(change.range.end, encoding))
        return Text(self.source[:start] + change.text + self.source[end:])

    def offset(self, position: types.Position, encoding: PositionEncoding) -> int:
        """The characters before a position."""
        line, column = encoding.to_place(self.lines, position)
        return self._line_starts()[line] + column

    def place(self, offset: int) -> tuple[int, int]:
        """The line and column, in code points, of the character at ``offset``."""
        starts = self._line_starts()
        line = bisect_right(starts, offset) - 1
        return line, offset - starts[line]

    def _line_starts(self) -> list[int]:
        if self._starts is None:
            self._starts = [0, *(found.end() for found in _LINE_BREAK.finditer(self.source))]
        return self._starts


class TextDocument:
    """An open text: a file, a virtual document, or a cell of a notebook."""

    __slots__ = ("language", "text", "uri", "version")

    def __init__(self, uri: str, language: str, version: int, text: Text) -> None:
        self.uri = uri
        self.language = language
        self.version = version
        self.text = text

    @classmethod
    def opened(cls, item: types.TextDocumentItem) -> TextDocument:
        return cls(item.uri, str(item.language_id), item.version, Text(item.text))

    def change(self, version: int, changes: Iterable[Change], encoding: PositionEncoding) -> None:
        """Apply changes, each to the text that the one before it left."""
        for change in changes:
            self.text = self.text.edited(change, encoding)
        self.version = version
