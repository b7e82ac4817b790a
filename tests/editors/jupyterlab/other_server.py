"""A language server that JupyterLab prefers: it knows one hover and complains about ``model_name``."""

from __future__ import annotations

from lsprotocol import types
from pygls.lsp.server import LanguageServer

server = LanguageServer("other", "1.0")


@server.feature(types.TEXT_DOCUMENT_HOVER)
def hover(_params: types.HoverParams) -> types.Hover:
    return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, "said by the other server"))


@server.feature(types.TEXT_DOCUMENT_DID_OPEN)
@server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
def complain(params: types.DidOpenTextDocumentParams | types.DidChangeTextDocumentParams) -> None:
    lines = server.workspace.get_text_document(params.text_document.uri).lines
    number = next((number for number, line in enumerate(lines) if line.startswith("model_name")), 0)
    start, end = types.Position(number, 0), types.Position(number, len("model_name"))
    message = "a complaint of the other server"
    problem = types.Diagnostic(types.Range(start, end), message, severity=types.DiagnosticSeverity.Warning)
    published = types.PublishDiagnosticsParams(params.text_document.uri, [problem])
    server.text_document_publish_diagnostics(published)


server.start_io()
