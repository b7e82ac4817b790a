"""What stands between brackets, separated by commas: with one item more, or one less."""

from __future__ import annotations

import io
import tokenize
from collections.abc import Sequence
from typing import NamedTuple

from model_loupe.documents.edits.change import Places

_LAYOUT = frozenset(
    [tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER, tokenize.ENCODING]
)


class Token(NamedTuple):
    """A token of Python or a comment, by its offsets."""

    start: int
    end: int
    text: str

    @property
    def is_comment(self) -> bool:
        return self.text.startswith("#")


def tokens_of(text: str) -> list[Token]:
    """The tokens of an expression or statement that parses, which may go over several lines."""
    wrapped = f"({text})"
    places = Places(wrapped)
    found = [
        Token(places.offset(row - 1, column) - 1, places.offset(end_row - 1, end_column) - 1, token)
        for kind, token, (row, column), (end_row, end_column), _ in tokenize.generate_tokens(
            io.StringIO(wrapped).readline
        )
        if kind not in _LAYOUT
    ]
    return found[1:-1]


def opening_of(tokens: Sequence[Token]) -> int:
    """The number of the bracket that the last token closes."""
    depth = 0
    for number in range(len(tokens) - 1, -1, -1):
        if tokens[number].text in (")", "]", "}"):
            depth += 1
        elif tokens[number].text in ("(", "[", "{"):
            depth -= 1
            if depth == 0:
                return number
    raise ValueError("no bracket is closed")


class _Item(NamedTuple):
    """One item, and where the comma behind it ends (where there is none, where the item does)."""

    start: int
    end: int
    comma: int


class Items:
    """The items of ``text`` between the brackets that the last of ``tokens`` closes.

    ``whole`` are ranges whose commas separate nothing: the parameters of a lambda.
    """

    def __init__(self, text: str, tokens: Sequence[Token], whole: Sequence[tuple[int, int]] = ()) -> None:
        self._text = text
        opening = opening_of(tokens)
        self._open, self._close = tokens[opening].end, tokens[-1].start
        inner = tokens[opening + 1 : -1]
        self._comments = [token for token in inner if token.is_comment]
        self._items = _split([token for token in inner if not token.is_comment], whole)

    def __len__(self) -> int:
        return len(self._items)

    def range(self, number: int) -> tuple[int, int]:
        """Where an item begins and ends, with brackets around it."""
        return self._items[number][:2]

    def appended(self, item: str) -> str:
        """The text with one more item, laid out as the last is."""
        text = self._text
        if not self._items:
            return f"{text[: self._open]}{item}{text[self._open :]}"
        last = self._items[-1]
        indent = self._own_line(last)
        has_comma = last.comma > last.end
        if indent is None:
            if not has_comma:
                return f"{text[: last.end]}, {item}{text[last.end :]}"
            comma = "," if "\n" in text[last.comma : self._close] else ""
            return f"{text[: last.comma]} {item}{comma}{text[last.comma :]}"
        # A comment behind the last item stays behind it.
        end = self._end_of_line(last.comma)
        comma = "," if has_comma and end < self._close else ""
        before = text[:end] if has_comma else f"{text[: last.end]},{text[last.end : end].rstrip(' ')}"
        return f"{before}\n{indent}{item}{comma}{text[end:]}"

    def inserted(self, number: int, item: str) -> str:
        """The text with one more item before item ``number``."""
        following = self._items[number]
        indent = self._own_line(following)
        space = " " if indent is None else f"\n{indent}"
        return f"{self._text[: following.start]}{item},{space}{self._text[following.start :]}"

    def removed(self, number: int) -> str:
        """The text without an item; with a line of its own goes the comment on that line."""
        item = self._items[number]
        start, end = item.start, item.comma
        following = self._items[number + 1] if number + 1 < len(self._items) else None
        previous = self._items[number - 1] if number else None
        if self._own_line(item) is not None and (line_end := self._end_of_line(end)) < self._close:
            if self._text[line_end] == "\n":
                start, end = self._text.rindex("\n", 0, start), line_end
        elif following and not self._comment_between(end, following.start):
            end = following.start
        elif previous and not following and not self._comment_between(previous.end, start):
            start, end = previous.end, item.end
        return self._text[:start] + self._text[end:]

    def _own_line(self, item: _Item) -> str | None:
        """What an item's line is indented by if it is the first there; None if it is not."""
        line = self._text[self._open : item.start].rpartition("\n")
        return line[2] if line[1] and not line[2].strip() else None

    def _end_of_line(self, offset: int) -> int:
        """The end of the line, with a comment there; ``offset`` itself if more code follows on it."""
        end = self._text.find("\n", offset, self._close)
        end = self._close if end < 0 else end
        rest = self._text[offset:end].strip()
        return end if (not rest or rest.startswith("#")) and end < self._close else offset

    def _comment_between(self, start: int, end: int) -> bool:
        return any(start <= comment.start < end for comment in self._comments)


def _split(tokens: Sequence[Token], whole: Sequence[tuple[int, int]]) -> list[_Item]:
    items: list[_Item] = []
    depth, first, last = 0, -1, -1
    for token in tokens:
        if token.text == "," and depth == 0 and not any(start < token.start < end for start, end in whole):
            items.append(_Item(first, last, token.end))
            first = -1
            continue
        depth += (token.text in ("(", "[", "{")) - (token.text in (")", "]", "}"))
        first, last = (token.start if first < 0 else first), token.end
    if first >= 0:
        items.append(_Item(first, last, last))
    return items
