"""A call as text: with an argument more, less or renamed; a method call taken out of a chain."""

from __future__ import annotations

import ast
from functools import cached_property

from model_loupe.documents.edits.change import Edit, Places, replacement, slice_of
from model_loupe.documents.edits.items import Items, Token, opening_of, tokens_of
from model_loupe.documents.reference import Span
from model_loupe.documents.source import Source


class CallText:
    """The text of a call. Immutable: what changes it gives another one.

    Raises SyntaxError or ValueError where the text is no call that parses.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        # In brackets, as a chain of calls may go over several lines.
        self._source = Source(f"({text})")
        node = ast.parse(self._source.text, mode="eval").body
        if not isinstance(node, ast.Call):
            raise ValueError("no call")
        self.node = node

    @cached_property
    def _tokens(self) -> list[Token]:
        return tokens_of(self.text)

    @cached_property
    def _items(self) -> Items:
        lambdas = [node for node in ast.walk(self.node) if isinstance(node, ast.Lambda)]
        return Items(self.text, self._tokens, [self._range(node) for node in lambdas])

    @cached_property
    def _arguments(self) -> list[ast.expr | ast.keyword]:
        """In the order in which they are written, as ``_items`` has them."""
        return sorted(
            (*self.node.args, *self.node.keywords), key=lambda given: (given.lineno, given.col_offset)
        )

    def has_keyword(self, name: str) -> bool:
        return any(keyword.arg == name for keyword in self.node.keywords)

    def argument(self, name: str) -> str | None:
        """What is given for a keyword argument, as written."""
        number = self._number(name)
        return self.text[self._value(number)] if number is not None else None

    def with_keyword(self, name: str, value: str) -> CallText:
        """With ``name=value``: in place of what was given for ``name``, else behind the other arguments."""
        number = self._number(name)
        if number is not None:
            where = self._value(number)
            return CallText(f"{self.text[: where.start]}{value}{self.text[where.stop :]}")
        item = f"{name}={value}"
        if self._is_bare_generator():
            start, end = self._items.range(0)
            bracketed = f"{self.text[:start]}({self.text[start:end]}){self.text[end:]}"
            return CallText(bracketed).with_keyword(name, value)
        unpacked = next((at for at, given in enumerate(self._arguments) if _is_unpacked(given)), None)
        # ``**more`` stays the last.
        if unpacked is not None and unpacked == len(self._arguments) - 1:
            return CallText(self._items.inserted(unpacked, item))
        return CallText(self._items.appended(item))

    def without_keyword(self, name: str) -> CallText:
        """Without the argument ``name``, if it is given by keyword."""
        number = self._number(name)
        return CallText(self._items.removed(number)) if number is not None else self

    def without_positional(self, position: int) -> CallText:
        """Without a positional argument; those behind it move up."""
        return CallText(self._items.removed(self._arguments.index(self.node.args[position])))

    def with_positional(self, position: int, value: str) -> CallText:
        """With ``value`` in place of a positional argument."""
        start, end = self._items.range(self._arguments.index(self.node.args[position]))
        return CallText(f"{self.text[:start]}{value}{self.text[end:]}")

    def renamed(self, name: str, new: str) -> CallText:
        """With ``new=…`` instead of ``name=…``."""
        number = self._number(name)
        if number is None:
            return self
        start = self._items.range(number)[0]
        return CallText(f"{self.text[:start]}{new}{self.text[start + len(name) :]}")

    def owner_end(self) -> int:
        """Where what a method is called on ends, and what may go with the call begins."""
        opening = opening_of(self._tokens)
        dot, before = self._tokens[opening - 2], self._tokens[opening - 3]
        # A comment would swallow what follows on its line.
        return dot.start if before.is_comment else before.end

    def _number(self, name: str) -> int | None:
        return next(
            (
                at
                for at, given in enumerate(self._arguments)
                if isinstance(given, ast.keyword) and given.arg == name
            ),
            None,
        )

    def _value(self, number: int) -> slice:
        """Where the value of a keyword argument stands, with brackets around it."""
        start, end = self._items.range(number)
        inside = [token for token in self._tokens if start <= token.start < end and not token.is_comment]
        return slice(inside[2].start, end)

    def _is_bare_generator(self) -> bool:
        """Whether the one argument is a generator that has no brackets but the call's."""
        given = self.node.args[0] if self.node.args else None
        return isinstance(given, ast.GeneratorExp) and self._range(given)[0] < self._items.range(0)[0]

    def _range(self, node: ast.expr) -> tuple[int, int]:
        span = self._source.span(node)
        places = Places(self._source.text)
        start, end = places.offset(*span[:2]), places.offset(*span[2:])
        return start - 1, end - 1


def call_at(text: str, span: Span) -> CallText | None:
    """The call at ``span`` of ``text``; None where there is none that parses."""
    try:
        return CallText(text[slice_of(text, span)])
    except (SyntaxError, ValueError, IndexError, RecursionError, MemoryError):
        return None


def change_of(text: str, span: Span, new: CallText, part: int = 0) -> Edit:
    """The edit that makes ``new`` of the call at ``span``."""
    return replacement(text, slice_of(text, span), new.text, part)


def without_call(text: str, span: Span, part: int = 0) -> Edit | None:
    """Takes the last method call of a chain away: ``load(x).half()`` becomes ``load(x)``."""
    call = call_at(text, span)
    if call is None or not isinstance(call.node.func, ast.Attribute):
        return None
    where = slice_of(text, span)
    return Edit(Places(text).span(where.start + call.owner_end(), where.stop), "", part)


def _is_unpacked(given: ast.expr | ast.keyword) -> bool:
    return isinstance(given, ast.keyword) and given.arg is None
