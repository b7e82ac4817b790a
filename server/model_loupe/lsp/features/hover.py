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

_MAYBE_NO_MODEL = ("placeholder", "unknown")


async def hover(session: Session, params: types.HoverParams) -> types.Hover | None:
    """The card; nothing outside a model's name, or if the document is not open or has changed meanwhile."""
    uri = params.text_document.uri
    snapshot = session.documents.snapshot(uri)
    index = snapshot.index(uri) if snapshot else None
    if snapshot is None or index is None:
        return None
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
    if mention.reference is None:
        return mention, requests.ask_by_name(mention.model, snapshot.folders)
    asked = requests.ask(mention.reference, snapshot.folders)
    return (mention, asked) if asked else None


def _contents(mention: Mention, ask: Ask, outcome: Outcome, *, markdown: bool) -> types.MarkupContent | None:
    if isinstance(outcome, LoupeError):
        # What no call uses, or what stands for the reader's own model, need not be there.
        if mention.reference is None or mention.reference.kind in _MAYBE_NO_MODEL:
            return None
        return types.MarkupContent(types.MarkupKind.PlainText, outcome.message)
    from model_loupe.inspector import card

    text = card(outcome, ask.options, requested=mention.model)
    if ask.unknown:
        arguments = ", ".join(f"`{name}=`" for name in ask.unknown)
        text += f"\n\nShown for the default of {arguments}: the value is not a literal."
    kind = types.MarkupKind.Markdown if markdown else types.MarkupKind.PlainText
    return types.MarkupContent(kind, text)
