"""Keyword arguments of the libraries' calls: what each means for the model, and what may be typed."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from lsprotocol import types

from model_loupe.domain.errors import LoupeError
from model_loupe.lsp.cursor import cursor_of

if TYPE_CHECKING:
    from model_loupe.documents import GivenArgument, OpenCall
    from model_loupe.inspector.argument_effects import Asked
    from model_loupe.inspector.arguments import Signature, Suggestion
    from model_loupe.lsp.cursor import Cursor
    from model_loupe.lsp.session import Session

SIGNATURE_OPTIONS = types.SignatureHelpOptions(trigger_characters=["(", ","])

# What the call builds, and where device_map puts it: the worker may have to import torch first.
_BUILD_SECONDS = 3.0
_NEEDS_BUILDING = ("device_map", "offload_folder", "offload_buffers")


async def hover(session: Session, cursor: Cursor) -> types.Hover | None:
    """On the name of a keyword argument."""
    found = await session.run(cursor.snapshot.argument, *cursor.place)
    if found is None:
        return None
    asked = await _asked(session, cursor, found)
    text = await session.run(_card, session, found, asked)
    if text is None or not session.is_current(cursor.snapshot):
        return None
    kind = types.MarkupKind.Markdown if session.client.renders_markdown else types.MarkupKind.PlainText
    where = session.encoding.to_range(cursor.lines, found.span)
    return types.Hover(types.MarkupContent(kind, text), where)


def _card(session: Session, found: GivenArgument, asked: Asked | None) -> str | None:
    from model_loupe.inspector.arguments import argument_card

    return argument_card(session.library_folders, found.callee, found.name, asked)


async def _asked(session: Session, cursor: Cursor, argument: GivenArgument) -> Asked | None:
    """The model that the call is about, as far as it is known without waiting long."""
    if argument.reference is None:
        return None
    from model_loupe.inspector.argument_effects import Asked
    from model_loupe.lsp import requests

    ask = await session.run(requests.ask, argument.reference, cursor.snapshot.folders)
    outcome = await session.describe(ask.request) if ask else None
    if ask is None or outcome is None or isinstance(outcome, LoupeError):
        return None
    view = session.view(outcome, ask.options)
    if argument.name in _NEEDS_BUILDING and view.built is None and view.not_built is None:
        with suppress(TimeoutError):  # a later hover will tell
            view = await asyncio.wait_for(session.built(outcome, ask.options), _BUILD_SECONDS)
    folders = await session.run(lambda: session.library_folders)
    return Asked(
        view,
        ask.options,
        argument.name,
        argument.value,
        folders,
        session.interpreter,
        argument.beside,
        argument.inside,
    )


async def completion(session: Session, cursor: Cursor) -> types.CompletionList | None:
    """The keywords of the call around the cursor, or the values of the one that is being given."""
    call = await session.run(cursor.snapshot.open_call, *cursor.place)
    found = await session.run(_suggestions, session, call) if call else []
    if not found or call is None or not session.is_current(cursor.snapshot):
        return None
    where = session.encoding.to_range(cursor.lines, call.span)
    items = [_item(each, where, number, call.name is None) for number, each in enumerate(found)]
    return types.CompletionList(is_incomplete=False, items=items)


def _suggestions(session: Session, call: OpenCall) -> list[Suggestion]:
    from model_loupe.inspector.arguments import keywords, values

    folders = session.library_folders
    if call.name is not None:
        return values(folders, call.callee, call.name, quoted=bool(call.quote))
    if call.quote:
        return []
    positional = call.position - len(call.given)
    return keywords(folders, call.callee, call.given)[max(positional, 0) :]


def _item(each: Suggestion, where: types.Range, number: int, is_keyword: bool) -> types.CompletionItem:
    documentation = types.MarkupContent(types.MarkupKind.Markdown, each.text) if each.text else None
    return types.CompletionItem(
        f"{each.name}=" if is_keyword else each.name,
        kind=types.CompletionItemKind.Variable if is_keyword else types.CompletionItemKind.EnumMember,
        detail=each.detail,
        documentation=documentation,
        sort_text=f"0{number:06}",
        text_edit=types.TextEdit(where, f"{each.name}=" if is_keyword else each.name),
    )


async def signature_help(session: Session, params: types.SignatureHelpParams) -> types.SignatureHelp | None:
    """``textDocument/signatureHelp``: the arguments of the call around the cursor."""
    cursor = cursor_of(session, params)
    call = await session.run(cursor.snapshot.open_call, *cursor.place) if cursor else None
    if call is None or cursor is None:
        return None
    from model_loupe.inspector.arguments import signature

    found = await session.run(lambda: signature(session.library_folders, call.callee))
    if found is None or not session.is_current(cursor.snapshot):
        return None
    return types.SignatureHelp([_signature(found)], 0, _active(found, call))


def _signature(found: Signature) -> types.SignatureInformation:
    parameters = [
        types.ParameterInformation(label, types.MarkupContent(types.MarkupKind.Markdown, text))
        for label, text in zip(found.labels, found.texts, strict=True)
    ]
    return types.SignatureInformation(found.label, parameters=parameters)


def _active(found: Signature, call: OpenCall) -> int:
    # None of them: an index beyond the last, as the specification has it.
    if call.name is not None:
        return found.names.index(call.name) if call.name in found.names else len(found.names)
    return call.position if not call.given else len(found.names)
