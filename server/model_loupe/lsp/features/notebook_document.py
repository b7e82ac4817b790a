"""``notebookDocument/didOpen``, ``didChange``, ``didClose``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

if TYPE_CHECKING:
    from model_loupe.lsp.session import Session

# The names that VS Code gives to .ipynb files and to its interactive window. Python cells are synced.
SYNC = types.NotebookDocumentSyncOptions(
    notebook_selector=[
        types.NotebookDocumentFilterWithNotebook(
            notebook=notebook_type, cells=[types.NotebookCellLanguage(language="python")]
        )
        for notebook_type in ("jupyter-notebook", "interactive")
    ],
    save=True,
)


def did_open(session: Session, params: types.DidOpenNotebookDocumentParams) -> None:
    session.documents.open_notebook(params)
    session.document_changed(params.notebook_document.uri)


def did_change(session: Session, params: types.DidChangeNotebookDocumentParams) -> None:
    session.documents.change_notebook(params)
    session.document_changed(params.notebook_document.uri)


def did_close(session: Session, params: types.DidCloseNotebookDocumentParams) -> None:
    session.documents.close_notebook(params.notebook_document.uri)
    session.document_changed(params.notebook_document.uri)
