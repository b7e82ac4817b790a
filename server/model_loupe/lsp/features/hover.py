"""``textDocument/hover``: the card of the model whose name is under the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from model_loupe.domain.errors import LoupeError

if TYPE_CHECKING:
    from model_loupe.documents import Mention
    from model_loupe.lsp.requests import Ask
    from model_loupe.lsp.session import Outcome, Session
    from model_loupe.lsp.snapshot import Snapshot


async def hover(session: Session, params: types.HoverParams) -> types.Hover | None:
    """The card; nothing outside a model's name, or if the document is not open or has changed meanwhile."""
    uri = params.text_document.uri
    snapshot = session.documents.snapshot(uri)
    if snapshot is None:
        return None
    index = snapshot.index(uri)
    lines = snapshot.parts[index].lines
    place = session.encoding.to_place(lines, params.position)
    found = await session.run(_look, snapshot, index, *place)
    if found is None:
        return None
    mention, ask = found
    outcome = await session.describe(ask.request)
    contents = _contents(mention, ask, outcome, markdown=session.client.renders_markdown)
    if contents is None or not session.is_current(snapshot):
        return None
    return types.Hover(contents, session.encoding.to_range(lines, mention.span))


def _look(snapshot: Snapshot, index: int, line: int, column: int) -> tuple[Mention, Ask] | None:
    from model_loupe.lsp import requests

    mention = snapshot.mention(index, line, column)
    if mention is None:
        return None
    asked = requests.ask(mention.reference, snapshot.folders) if mention.reference else None
    # A call may name another model than the one under the cursor (a variable assigned twice).
    if asked is None or asked.request.model != mention.model:
        asked = requests.ask_by_name(mention.model, snapshot.folders)
    return mention, asked


def _contents(mention: Mention, ask: Ask, outcome: Outcome, *, markdown: bool) -> types.MarkupContent | None:
    if isinstance(outcome, LoupeError):
        # A string that no call uses may be no model at all: then there is nothing to say.
        if mention.reference is None:
            return None
        return types.MarkupContent(types.MarkupKind.PlainText, outcome.message)
    from model_loupe.inspector import card

    text = card(outcome, ask.options, requested=mention.model)
    if ask.unknown:
        arguments = ", ".join(f"`{name}=`" for name in ask.unknown)
        text += f"\n\nShown for the default of {arguments}: the value is not a literal."
    kind = types.MarkupKind.Markdown if markdown else types.MarkupKind.PlainText
    return types.MarkupContent(kind, text)
