"""``textDocument/completion``: behind the dot of a model, its modules, parameters and config fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from model_loupe.domain.errors import LoupeError

if TYPE_CHECKING:
    from model_loupe.documents import Typed
    from model_loupe.inspector import Completion
    from model_loupe.lsp.requests import Ask
    from model_loupe.lsp.session import Outcome, Session
    from model_loupe.lsp.snapshot import Snapshot

OPTIONS = types.CompletionOptions(trigger_characters=["."])

_KINDS = {
    "module": types.CompletionItemKind.Module,
    "parameter": types.CompletionItemKind.Variable,
    "field": types.CompletionItemKind.Field,
}


async def completion(session: Session, params: types.CompletionParams) -> types.CompletionList | None:
    """What the object before the cursor holds; nothing where that is no model."""
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
    typed, ask = found
    outcome = await session.describe(ask.request)
    if not isinstance(outcome, LoupeError):
        outcome = session.view(outcome, ask.options)
    items = await session.run(_items, typed, outcome)
    if not items or not session.is_current(snapshot):
        return None
    where = session.encoding.to_range(lines, typed.span)
    return types.CompletionList(
        is_incomplete=False,
        items=[
            types.CompletionItem(
                item.name,
                kind=_KINDS[item.kind],
                detail=item.detail,
                text_edit=types.TextEdit(where, item.name),
                # In the order of the model, and before names that end a word of the text alone.
                sort_text=f"0{number:06}",
            )
            for number, item in enumerate(items)
        ],
    )


def _look(snapshot: Snapshot, index: int, line: int, column: int) -> tuple[Typed, Ask] | None:
    from model_loupe.lsp import requests

    typed = snapshot.typed(index, line, column)
    if typed is None:
        return None
    asked = requests.ask(typed.object.base or typed.object.reference, snapshot.folders)
    return (typed, asked) if asked else None


def _items(typed: Typed, outcome: Outcome) -> list[Completion]:
    if isinstance(outcome, LoupeError):
        return []
    from model_loupe.inspector import completions, config_completions

    found = typed.object
    if found.kind == "config":
        return config_completions(outcome, found.parts)
    return completions(outcome, found.parts, numbers=typed.dotted) if found.kind == "model" else []
