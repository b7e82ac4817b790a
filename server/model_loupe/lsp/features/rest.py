"""Documents at rest: what their loading calls name may be asked of the Hub.

A name that is being typed is nobody's business yet: it is looked up when somebody hovers it, or when its
document was saved or has not changed for a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lsprotocol import types

    from model_loupe.inspector import ModelRequest
    from model_loupe.lsp.session import Session
    from model_loupe.lsp.snapshot import Snapshot

_REST_SECONDS = 1.0


def notice(session: Session, uri: str) -> None:
    """A document was opened, edited or closed: look at it once it is at rest."""
    session.later(f"rest {uri}", _REST_SECONDS, lambda: session.start(_look(session, uri)))


def did_save(session: Session, params: types.DidSaveTextDocumentParams) -> None:
    """``textDocument/didSave``: its writer is done with it for now."""
    session.start(_look(session, params.text_document.uri))


def did_save_notebook(session: Session, params: types.DidSaveNotebookDocumentParams) -> None:
    """``notebookDocument/didSave``: as ``did_save``."""
    session.start(_look(session, params.notebook_document.uri))


async def _look(session: Session, uri: str) -> None:
    snapshot = session.documents.snapshot(uri)
    if snapshot is None:
        return
    requests = await session.run(_on_hub, snapshot)
    if requests and session.is_current(snapshot):
        session.want_of_hub(requests)
        for request in requests:
            session.describe_in_background([request])


def _on_hub(snapshot: Snapshot) -> list[ModelRequest]:
    asked = [call.ask.request for call in snapshot.calls() if call.ask and call.reference.kind == "hub"]
    return list(dict.fromkeys(asked))
