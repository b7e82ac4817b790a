"""A text without one of its statements, or with one more."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from model_loupe.documents.cells import parse
from model_loupe.documents.edits.change import Edit
from model_loupe.documents.reference import Span
from model_loupe.documents.source import Source


def without_statement(text: str, line: int, column: int, part: int = 0) -> Edit | None:
    """Takes away the innermost statement around a place; ``pass`` is left where a block needs one.

    A comment on the lines of the statement goes with it; those above it stay.
    """
    source = Source(text)
    found = _innermost(parse(text).statements, source, line, column)
    if found is None:
        return None
    body, number = found
    span = source.span(body[number])
    previous = source.span(body[number - 1]) if number else None
    following = source.span(body[number + 1]) if number + 1 < len(body) else None
    if following and following.line == span.end_line:
        return Edit(Span(span.line, span.column, following.line, following.column), "", part)
    if previous and previous.end_line == span.line:
        return Edit(Span(previous.end_line, previous.end_column, span.end_line, span.end_column), "", part)
    lines = source.lines()
    if len(body) == 1 and (span.column or lines[span.line][: span.column].strip()):
        return Edit(span, "pass", part)
    return Edit(_whole_lines(lines, span), "", part)


def with_statement_before(text: str, line: int, column: int, new: str, part: int = 0) -> Edit | None:
    """Puts ``new`` on a line of its own before the innermost statement around a place.

    None where the statement is not the first of its line.
    """
    source = Source(text)
    found = _innermost(parse(text).statements, source, line, column)
    if found is None:
        return None
    first = source.span(found[0][found[1]])
    indent = source.lines()[first.line][: first.column]
    return Edit(Span(first.line, 0, first.line, 0), f"{indent}{new}\n", part) if not indent.strip() else None


def _innermost(
    body: Sequence[ast.stmt], source: Source, line: int, column: int
) -> tuple[Sequence[ast.stmt], int] | None:
    for number, statement in enumerate(body):
        if source.span(statement).contains(line, column):
            inner = (_innermost(block, source, line, column) for block in blocks(statement))
            return next((found for found in inner if found is not None), (body, number))
    return None


def blocks(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    """The blocks of a compound statement."""
    for name in ("body", "orelse", "finalbody"):
        block = getattr(statement, name, None)
        if block:
            yield block
    for holder in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
        yield holder.body


def _whole_lines(lines: Sequence[str], span: Span) -> Span:
    if span.end_line + 1 < len(lines):
        return Span(span.line, 0, span.end_line + 1, 0)
    if span.line:
        return Span(span.line - 1, len(lines[span.line - 1]), span.end_line, len(lines[span.end_line]))
    return Span(0, 0, span.end_line, len(lines[span.end_line]))
