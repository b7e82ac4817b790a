"""Where a request's cursor stands: in which version of which text."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from lsprotocol import types

    from model_loupe.lsp.session import Session
    from model_loupe.lsp.snapshot import Snapshot


class Cursor(NamedTuple):
    """Part ``part`` of ``snapshot``, its ``lines``, and a place in it in code points."""

    snapshot: Snapshot
    part: int
    lines: tuple[str, ...]
    line: int
    column: int

    @property
    def place(self) -> tuple[int, int, int]:
        """As the methods of ``Snapshot`` take it: part, line, column."""
        return self.part, self.line, self.column


def cursor_of(
    session: Session,
    params: types.HoverParams
    | types.CompletionParams
    | types.DefinitionParams
    | types.ReferenceParams
    | types.SignatureHelpParams,
) -> Cursor | None:
    """The cursor that ``params`` tell of; None in a document that is not open, or a notebook as such."""
    uri = params.text_document.uri
    snapshot = session.documents.snapshot(uri)
    index = snapshot.index(uri) if snapshot else None
    if snapshot is None or index is None:
        return None
    lines = snapshot.parts[index].lines
    return Cursor(snapshot, index, lines, *session.encoding.to_place(lines, params.position))
