"""``textDocument/references``: every place of the workspace that names the model under the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from model_loupe.lsp.cursor import cursor_of
from model_loupe.lsp.features.models import Use, uses
from model_loupe.lsp.protocol import ContentModified

if TYPE_CHECKING:
    from model_loupe.inspector import ModelRequest
    from model_loupe.lsp.cursor import Cursor
    from model_loupe.lsp.positions import PositionEncoding
    from model_loupe.lsp.session import Session
    from model_loupe.lsp.snapshot import Snapshot
    from model_loupe.lsp.workspace_scan import FoundCall

_START = types.Range(types.Position(0, 0), types.Position(0, 0))


async def references(session: Session, params: types.ReferenceParams) -> list[types.Location] | None:
    """The places, those of open documents first; None where no model is named.

    A notebook that is not open is one place: its cells have no addresses yet.
    """
    cursor = cursor_of(session, params)
    if cursor is None:
        return None
    found = await session.run(
        _find,
        cursor,
        tuple(session.documents.snapshots()),
        tuple(session.workspace_scan.calls()),
        session.documents.workspace_folders,
        session.encoding,
    )
    if not session.is_current(cursor.snapshot):
        raise ContentModified
    return found


def _find(
    cursor: Cursor,
    snapshots: tuple[Snapshot, ...],
    scanned: tuple[FoundCall, ...],
    workspace_folders: tuple[str, ...],
    encoding: PositionEncoding,
) -> list[types.Location] | None:
    from model_loupe.lsp import requests

    mention = cursor.snapshot.mention(*cursor.place)
    asked = (
        requests.ask(mention.reference, cursor.snapshot.folders) if mention and mention.reference else None
    )
    if asked is None:
        return None
    named = _identity(asked.request)
    found: dict[tuple[str, int, int], types.Location] = {}
    for other in snapshots:
        for index, part in enumerate(other.parts):
            for literal in other.literals(index):
                ask = requests.ask(literal.reference, other.folders) if literal.reference else None
                if ask and _identity(ask.request) == named:
                    _add(found, part.uri, encoding.to_range(part.lines, literal.span))
    for use in uses(snapshots, scanned, workspace_folders):
        if _identity(use.request) == named:
            _add(found, use.uri, _range(use, encoding))
    return list(found.values())


def _identity(request: ModelRequest) -> tuple[str, str | None]:
    """Another revision or subfolder of a model is a place that names it all the same."""
    return request.model, request.base


def _range(use: Use, encoding: PositionEncoding) -> types.Range:
    return encoding.to_range(use.lines, use.reference.span) if use.cell is None else _START


def _add(found: dict[tuple[str, int, int], types.Location], uri: str, where: types.Range) -> None:
    found.setdefault((uri, where.start.line, where.start.character), types.Location(uri, where))
