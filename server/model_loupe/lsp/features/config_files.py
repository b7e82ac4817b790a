"""JSON files of a checkpoint (``config.json`` …): hover, completion and diagnostics of their fields."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

from lsprotocol import types

from model_loupe.domain.errors import LoupeError
from model_loupe.lsp.config_page import page_of, spot
from model_loupe.lsp.snapshot import Part

if TYPE_CHECKING:
    from model_loupe.diagnostics.finding import Finding
    from model_loupe.inspector.config_completions import Value
    from model_loupe.inspector.description import Description
    from model_loupe.lsp.config_page import Page
    from model_loupe.lsp.session import Session

_ENTRY = re.compile(r'^\s*"((?:[^"\\]|\\.)*)"\s*:\s*"([^"]*)"')


async def hover(session: Session, params: types.HoverParams) -> types.Hover | None:
    """What the field under the cursor means, and what follows from it for this model."""
    page = page_of(session, params.text_document.uri)
    if page is None:
        return None
    if page.is_index:
        return await _hover_index(session, page, params.position)
    offset = page.document.text.offset(params.position, session.encoding)
    found = await session.run(_card, session, page, offset)
    if found is None or not _is_current(session, page):
        return None
    text, start, end = found
    return types.Hover(_markup(session, text), _range(session, page, start, end))


def _card(session: Session, page: Page, offset: int) -> tuple[str, int, int] | None:
    from model_loupe.documents import hit
    from model_loupe.inspector.config_cards import field_card

    root = page.root
    file, found = page.file(root), hit(root, offset)
    if file is None or found is None or not found.parts:
        return None
    if not found.on_key and found.node and isinstance(found.node.value, (dict, list)):
        return None  # between its entries
    text = field_card(session.library_folders, file, found.parts)
    touched = found.member if found.on_key else found.node
    return (text, touched.start, touched.end) if text and touched else None


async def _hover_index(session: Session, page: Page, position: types.Position) -> types.Hover | None:
    lines = page.document.text.lines
    entry = _ENTRY.match(lines[position.line]) if position.line < len(lines) else None
    if entry is None:
        return None
    from model_loupe.inspector import ModelRequest

    outcome = await session.describe(ModelRequest(os.path.dirname(page.path)))
    if isinstance(outcome, LoupeError) or not _is_current(session, page):
        return None
    text = _index_card(outcome, entry.group(1), entry.group(2))
    return types.Hover(_markup(session, text)) if text else None


def _index_card(description: Description, tensor: str, shard: str) -> str | None:
    from model_loupe.inspector.config_cards import tensor_card

    return tensor_card(description, tensor, shard)


async def completion(session: Session, params: types.CompletionParams) -> types.CompletionList | None:
    """The fields that are not there yet, or the values that a field may have."""
    page = page_of(session, params.text_document.uri)
    if page is None or page.is_index:
        return None
    offset = page.document.text.offset(params.position, session.encoding)
    found = await session.run(_suggest, session, page, offset)
    if found is None or not _is_current(session, page):
        return None
    values, start, end, on_key = found
    where = _range(session, page, start, end)
    has_colon = page.document.text.source[end:].lstrip(" \t").startswith(":")
    items = [_item(value, where, number, on_key, has_colon) for number, value in enumerate(values)]
    return types.CompletionList(is_incomplete=False, items=items)


def _suggest(session: Session, page: Page, offset: int) -> tuple[list[Value], int, int, bool] | None:
    from model_loupe.documents import hit
    from model_loupe.inspector.config_completions import field_completions, value_completions

    root = page.root
    file, found = page.file(root), hit(root, offset)
    place = spot(page.document.text.source, offset, found) if found else None
    if file is None or place is None:
        return None
    suggest = field_completions if place.on_key else value_completions
    return suggest(session.library_folders, file, place.parts), place.start, place.end, place.on_key


def _item(
    value: Value, where: types.Range, number: int, on_key: bool, has_colon: bool
) -> types.CompletionItem:
    text = json.dumps(value.text) + ("" if has_colon else ": ") if on_key else value.text
    documentation = types.MarkupContent(types.MarkupKind.Markdown, value.documentation)
    return types.CompletionItem(
        value.text.strip('"'),
        kind=types.CompletionItemKind.Property if on_key else types.CompletionItemKind.EnumMember,
        detail=value.detail,
        documentation=documentation if value.documentation else None,
        filter_text=text.removesuffix(": "),
        sort_text=f"0{number:06}",
        text_edit=types.TextEdit(where, text),
    )


async def findings(session: Session, uri: str) -> list[tuple[Part, Finding]]:
    """What is wrong in an open file of a checkpoint; nothing in any other document."""
    page = page_of(session, uri)
    if page is None or page.is_index or not session.settings.diagnostics.enabled:
        return []
    return await session.run(_findings, session, page)


def _findings(session: Session, page: Page) -> list[tuple[Part, Finding]]:
    from model_loupe.diagnostics.config_files import problems
    from model_loupe.diagnostics.finding import Finding
    from model_loupe.diagnostics.fixes import replaced

    root = page.root
    file = page.file(root)
    if file is None or root is None:
        return []
    part = Part(page.document.uri, page.version, page.document.text.lines)
    found = []
    for problem in problems(session.library_folders, file):
        span = page.span(*root.place_of(problem.parts))
        name = problem.replace
        fixes = (replaced(f"Rename to {name}", None, span, json.dumps(name)),) if name else ()
        is_old = problem.code == "config-superseded"
        found.append((part, Finding(problem.code, None, span, problem.message, fixes, is_old)))
    return found


def _is_current(session: Session, page: Page) -> bool:
    document = session.documents.text(page.document.uri)
    return document is page.document and document.version == page.version


def _markup(session: Session, text: str) -> types.MarkupContent:
    kind = types.MarkupKind.Markdown if session.client.renders_markdown else types.MarkupKind.PlainText
    return types.MarkupContent(kind, text)


def _range(session: Session, page: Page, start: int, end: int) -> types.Range:
    return session.encoding.to_range(page.document.text.lines, page.span(start, end))
