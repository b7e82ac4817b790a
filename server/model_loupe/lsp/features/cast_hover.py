"""Hover on a dtype that a model is given: ``dtype=torch.float16``, ``.to(torch.float16)``, ``.half()``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from model_loupe.domain.errors import LoupeError

if TYPE_CHECKING:
    from model_loupe.documents import Span
    from model_loupe.lsp.cursor import Cursor
    from model_loupe.lsp.requests import Ask
    from model_loupe.lsp.session import Session


async def hover(session: Session, cursor: Cursor) -> types.Hover | None:
    """What the cast makes of the model: bytes, what stays, and the loss, if it was measured."""
    found = await session.run(_cast_at, cursor)
    if found is None:
        return None
    dtype, span, ask = found
    outcome = await session.describe_as(ask.request, ask.options)
    if isinstance(outcome, LoupeError):
        return None
    from model_loupe.inspector.cast_lines import cast_lines
    from model_loupe.inspector.markdown import escape

    lines = await session.run(cast_lines, outcome, dtype, session.consulted)
    if not lines or not session.is_current(cursor.snapshot):
        return None
    kind = types.MarkupKind.Markdown if session.client.renders_markdown else types.MarkupKind.PlainText
    text = "\n\n".join(map(escape, lines) if session.client.renders_markdown else lines)
    return types.Hover(types.MarkupContent(kind, text), session.encoding.to_range(cursor.lines, span))


def _cast_at(cursor: Cursor) -> tuple[str, Span, Ask] | None:
    """The dtype and place of the innermost cast under the cursor, and what its loading asks."""
    from model_loupe.lsp import requests

    part, line, column = cursor.place
    cell = part if cursor.snapshot.is_notebook else None
    casts = cursor.snapshot.casts()
    found = [cast for cast in casts if cast.cell == cell and cast.span.contains(line, column)]
    cast = max(found, key=lambda cast: cast.span[:2], default=None)
    if cast is None or cast.dtype is None:
        return None
    asked = requests.ask(cast.reference, cursor.snapshot.folders)
    return (cast.dtype, cast.span, asked) if asked else None
