"""``textDocument/completion``: behind the dot of a model, its modules, parameters and config fields.

In the parentheses of a call its arguments (``arguments``), in a checkpoint's JSON its fields
(``config_files``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from model_loupe.domain.errors import LoupeError
from model_loupe.lsp.cursor import cursor_of
from model_loupe.lsp.features import arguments, config_files

if TYPE_CHECKING:
    from model_loupe.documents import Typed
    from model_loupe.inspector import Completion
    from model_loupe.lsp.cursor import Cursor
    from model_loupe.lsp.requests import Ask
    from model_loupe.lsp.session import Outcome, Session

OPTIONS = types.CompletionOptions(trigger_characters=[".", "(", "=", '"', "'"])

_KINDS = {
    "module": types.CompletionItemKind.Module,
    "parameter": types.CompletionItemKind.Variable,
    "field": types.CompletionItemKind.Field,
}


async def completion(session: Session, params: types.CompletionParams) -> types.CompletionList | None:
    """What the object before the cursor holds; nothing where that is no model."""
    cursor = cursor_of(session, params)
    if cursor is None:
        return await config_files.completion(session, params)
    found = await session.run(_look, cursor)
    if found is None:
        return await arguments.completion(session, cursor)
    typed, ask = found
    outcome = await session.describe_as(ask.request, ask.options)
    items = await session.run(_items, session, typed, outcome)
    if not items or not session.is_current(cursor.snapshot):
        return None
    where = session.encoding.to_range(cursor.lines, typed.span)
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


def _look(cursor: Cursor) -> tuple[Typed, Ask] | None:
    from model_loupe.lsp import requests

    typed = cursor.snapshot.typed(*cursor.place)
    if typed is None:
        return None
    asked = requests.ask(typed.object.base or typed.object.reference, cursor.snapshot.folders)
    return (typed, asked) if asked else None


def _items(session: Session, typed: Typed, outcome: Outcome) -> list[Completion]:
    if isinstance(outcome, LoupeError):
        return []
    from model_loupe.inspector import completions, config_completions

    found = typed.object
    if found.kind == "config":
        from model_loupe.inspector.config_completions import code_completions

        return config_completions(outcome, found.parts) + code_completions(
            session.library_folders, outcome, found.parts
        )
    return completions(outcome, found.parts, numbers=typed.dotted) if found.kind == "model" else []
