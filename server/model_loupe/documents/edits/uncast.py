"""Code without the casts of a model that was loaded: ``model.half()``, ``load(x).to(torch.float16)``."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from model_loupe.documents.casts import Cast
from model_loupe.documents.cells import parse
from model_loupe.documents.edits.calls import call_at, change_of, without_call
from model_loupe.documents.edits.change import Edit
from model_loupe.documents.edits.statements import blocks, without_statements
from model_loupe.documents.facts import dotted
from model_loupe.documents.reference import Span
from model_loupe.documents.source import Source


def without_casts(texts: Sequence[str], casts: Sequence[Cast]) -> list[Edit]:
    """Takes method calls that cast away: from their chain, or with the statement where that does no more."""
    return [
        edit
        for part, text in enumerate(texts)
        for edit in _without_casts_of(text, [cast.call for cast in casts if (cast.cell or 0) == part], part)
    ]


def _without_casts_of(text: str, calls: Sequence[Span], part: int) -> Iterator[Edit]:
    reduced = {span: edit for span in calls if (edit := _less(text, span, part))}
    whole = [span for span in calls if span not in reduced]
    statements = list(_casting_alone(text, whole)) if whole else []
    yield from without_statements(text, [span[:2] for span in statements], part)
    yield from reduced.values()
    for span in whole:
        goes_with = any(statement.contains(*span[:2]) for statement in statements)
        edit = without_call(text, span, part) if not goes_with else None
        if edit is not None:
            yield edit


def _less(text: str, span: Span, part: int) -> Edit | None:
    """``x.to(device, torch.half)`` as ``x.to(device)``; None where nothing else is given."""
    call = call_at(text, span)
    if call is None or len(call.node.args) + len(call.node.keywords) < 2:
        return None
    if call.has_keyword("dtype"):
        return change_of(text, span, call.without_keyword("dtype"), part)
    args = call.node.args
    if len(args) < 2 or dotted(args[1]) is None:
        return None
    # Those behind it keep their places: ``x.to(device, None, True)`` does not wait for the device.
    less = call.without_positional(1) if len(args) == 2 else call.with_positional(1, "None")
    return change_of(text, span, less, part)


def _casting_alone(text: str, calls: Sequence[Span]) -> Iterator[Span]:
    """The statements that do nothing but cast: ``model.half()``, ``model = model.half()``."""
    source = Source(text)
    for statement in _statements(parse(text).statements):
        if not isinstance(statement, (ast.Expr, ast.Assign)):
            continue
        node = statement.value
        while (
            isinstance(node, ast.Call) and source.span(node) in calls and isinstance(node.func, ast.Attribute)
        ):
            node = node.func.value
        name = dotted(node) if node is not statement.value else None
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if name is not None and all(dotted(target) == name for target in targets):
            yield source.span(statement)


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        yield statement
        for block in blocks(statement):
            yield from _statements(block)
