"""``textDocument/didOpen``, ``didChange``, ``didClose``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

if TYPE_CHECKING:
    from model_loupe.lsp.session import Session


def did_open(session: Session, params: types.DidOpenTextDocumentParams) -> None:
    session.documents.open_text(params.text_document)
    session.document_changed(params.text_document.uri)


def did_change(session: Session, params: types.DidChangeTextDocumentParams) -> None:
    session.documents.change_text(params)
    session.document_changed(params.text_document.uri)


def did_close(session: Session, params: types.DidCloseTextDocumentParams) -> None:
    session.documents.close_text(params.text_document.uri)
    session.document_changed(params.text_document.uri)
