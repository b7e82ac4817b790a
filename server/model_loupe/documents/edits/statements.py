"""A text without one of its statements, or with one more."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence

from model_loupe.documents.cells import parse
from model_loupe.documents.edits.change import Edit
from model_loupe.documents.reference import Span
from model_loupe.documents.source import Source


def without_statement(text: str, line: int, column: int, part: int = 0) -> Edit | None:
    """Takes away the innermost statement around a place, as ``without_statements`` does."""
    return next(iter(without_statements(text, [(line, column)], part)), None)


def without_statements(text: str, places: Iterable[tuple[int, int]], part: int = 0) -> list[Edit]:
    """Takes away the innermost statements around some places; ``pass`` is left where a block needs one.

    A comment on the lines of a statement goes with it; those above it stay.
    """
    source = Source(text)
    outermost = parse(text).statements
    found = [each for place in places if (each := _innermost(outermost, source, *place))]
    gone: dict[int, tuple[Sequence[ast.stmt], set[int]]] = {}
    for body, number in found:
        gone.setdefault(id(body), (body, set()))[1].add(number)
    edits = []
    for body, numbers in gone.values():
        if len(numbers) == len(body) and body is not outermost:
            whole = Span(*source.span(body[0])[:2], *source.span(body[-1])[2:])
            edits.append(Edit(whole, "pass", part))
        else:
            edits += [Edit(_of_run(source, body, *run), "", part) for run in _runs(sorted(numbers))]
    return edits


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


def _runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """``1, 2, 5`` as ``1-2, 5-5``."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        follows = runs and runs[-1][1] == number - 1
        runs.append((runs.pop()[0] if follows else number, number))
    return runs


def _of_run(source: Source, body: Sequence[ast.stmt], first: int, last: int) -> Span:
    """What goes with statements that follow each other: their lines, or their part of a line."""
    begin, end = source.span(body[first]), source.span(body[last])
    previous = source.span(body[first - 1]) if first else None
    following = source.span(body[last + 1]) if last + 1 < len(body) else None
    if following and following.line == end.end_line:
        return Span(begin.line, begin.column, following.line, following.column)
    if previous and previous.end_line == begin.line:
        return Span(previous.end_line, previous.end_column, end.end_line, end.end_column)
    return _whole_lines(source.lines(), Span(*begin[:2], *end[2:]))


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
