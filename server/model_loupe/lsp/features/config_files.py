"""JSON files of a checkpoint (``config.json`` …): hover, completion and diagnostics of their fields."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

from lsprotocol import types

from model_loupe.domain.errors import LoupeError
from model_loupe.lsp.config_page import page_of, spot

if TYPE_CHECKING:
    from model_loupe.inspector.config_files import Value
    from model_loupe.inspector.config_problems import Problem
    from model_loupe.inspector.description import Description
    from model_loupe.lsp.config_page import Page
    from model_loupe.lsp.session import Session

SOURCE = "model-loupe"
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
    from model_loupe.inspector.config_files import field_card

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
    from model_loupe.inspector.config_files import tensor_card

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
    from model_loupe.inspector.config_files import field_completions, value_completions

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


async def diagnose(session: Session, uri: str) -> list[types.Diagnostic]:
    """What is wrong in an open file of a checkpoint; nothing in any other document."""
    page = page_of(session, uri)
    if page is None or page.is_index:
        return []
    found = await session.run(_problems, session, page)
    return [_diagnostic(session, page, *each) for each in found]


def _problems(session: Session, page: Page) -> list[tuple[Problem, int, int]]:
    from model_loupe.inspector.config_problems import problems

    root = page.root
    file = page.file(root)
    if file is None or root is None:
        return []
    found = problems(session.library_folders, file)
    return [(each, *root.place_of(each.parts)) for each in found]


def _diagnostic(session: Session, page: Page, problem: Problem, start: int, end: int) -> types.Diagnostic:
    from model_loupe.inspector.config_problems import HINTS

    is_hint = problem.code in HINTS
    return types.Diagnostic(
        _range(session, page, start, end),
        problem.message,
        types.DiagnosticSeverity.Hint if is_hint else types.DiagnosticSeverity.Warning,
        problem.code,
        source=SOURCE,
        tags=[types.DiagnosticTag.Deprecated] if is_hint else None,
        data={"replace": problem.replace} if problem.replace else None,
    )


def _is_current(session: Session, page: Page) -> bool:
    document = session.documents.text(page.document.uri)
    return document is page.document and document.version == page.version


def _markup(session: Session, text: str) -> types.MarkupContent:
    kind = types.MarkupKind.Markdown if session.client.renders_markdown else types.MarkupKind.PlainText
    return types.MarkupContent(kind, text)


def _range(session: Session, page: Page, start: int, end: int) -> types.Range:
    text = page.document.text
    positions = (session.encoding.to_position(text.lines, *text.place(each)) for each in (start, end))
    return types.Range(*positions)
