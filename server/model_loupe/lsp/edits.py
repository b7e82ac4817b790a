"""Edits of a document's texts (``documents.edits``) in the terms of LSP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model_loupe.documents.edits import Edit
    from model_loupe.lsp.positions import PositionEncoding
    from model_loupe.lsp.snapshot import Part, Snapshot


def text_of(part: Part) -> str:
    """The text of a part as edits count it; of a cell that is no Python nothing."""
    return "\n".join(part.lines) if part.is_python else ""


def workspace_edit(
    encoding: PositionEncoding, snapshot: Snapshot, edits: Sequence[Edit]
) -> types.WorkspaceEdit:
    """``edits`` of the parts of ``snapshot``."""
    changes: dict[str, list[types.TextEdit]] = {}
    for edit in edits:
        part = snapshot.parts[edit.part]
        where = encoding.to_range(part.lines, edit.span)
        changes.setdefault(part.uri, []).append(types.TextEdit(where, edit.text))
    return types.WorkspaceEdit(changes=changes)


def changed_lines(snapshot: Snapshot, edits: Sequence[Edit]) -> list[dict[str, Any]]:
    """The lines that ``edits`` change, ``{"uri", "before", "after"}`` each: what a person looks at first."""
    from model_loupe.documents.edits import applied

    found = []
    for number, part in enumerate(snapshot.parts):
        own = [edit for edit in edits if edit.part == number]
        for first, last, group in _by_lines(own):
            before = "\n".join(part.lines[first : last + 1])
            after = applied(before, [_moved_up(edit, first) for edit in group])
            found.append({"uri": part.uri, "before": before, "after": after})
    return found


def _by_lines(edits: Sequence[Edit]) -> list[tuple[int, int, list[Edit]]]:
    """Edits of the same lines together, with the first and last of these."""
    groups: list[tuple[int, int, list[Edit]]] = []
    for edit in sorted(edits, key=lambda edit: edit.span):
        if groups and edit.span.line <= groups[-1][1]:
            first, last, group = groups.pop()
            groups.append((first, max(last, edit.span.end_line), [*group, edit]))
        else:
            groups.append((edit.span.line, edit.span.end_line, [edit]))
    return groups


def _moved_up(edit: Edit, lines: int) -> Edit:
    span = edit.span
    return edit._replace(span=span._replace(line=span.line - lines, end_line=span.end_line - lines))
