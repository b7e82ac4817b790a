"""The text of one file or cell, addressed by the nodes of its syntax tree."""

from __future__ import annotations

import ast

from model_loupe.documents.reference import Span

# Half characters, which no file can hold but a notebook's JSON can; the replacement has as many bytes.
SURROGATES = dict.fromkeys(range(0xD800, 0xE000), "\ufffd")


class Source:
    """Turns what ``ast`` counts (lines from 1, columns in UTF-8 bytes) into code points.

    Lines are split when first asked for: most cells of a notebook are never asked.
    """

    __slots__ = ("_ascii", "_lines", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._ascii = text.isascii()
        self._lines: list[str] | None = None

    def span(self, node: ast.expr | ast.stmt | ast.arg | ast.keyword) -> Span:
        """The range of a node."""
        end_line = node.end_lineno or node.lineno
        end_column = node.end_col_offset if node.end_col_offset is not None else node.col_offset
        if self._ascii:
            return Span(node.lineno - 1, node.col_offset, end_line - 1, end_column)
        return Span(
            node.lineno - 1,
            self._column(node.lineno, node.col_offset),
            end_line - 1,
            self._column(end_line, end_column),
        )

    def fragment(self, node: ast.expr) -> str:
        """The text of a node as written."""
        span = self.span(node)
        lines = self.lines()[span.line : span.end_line + 1]
        if not lines:
            return ""
        lines[-1] = lines[-1][: span.end_column]
        lines[0] = lines[0][span.column :]
        return "\n".join(lines)

    def lines(self) -> list[str]:
        """The lines as ``ast`` counts them: form feeds and other separators of str.splitlines end none."""
        if self._lines is None:
            text = self.text if self._ascii else self.text.translate(SURROGATES)
            self._lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        return self._lines

    def _column(self, line: int, offset: int) -> int:
        lines = self.lines()
        if line > len(lines) or lines[line - 1].isascii():
            return offset
        return len(lines[line - 1].encode()[:offset].decode("utf-8", "replace"))
