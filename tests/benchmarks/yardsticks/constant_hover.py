"""A language server on pygls that answers every hover with the same text."""

from lsprotocol import types
from pygls.lsp.server import LanguageServer

server = LanguageServer("constant", "0")


@server.feature(types.TEXT_DOCUMENT_HOVER)
def hover(params: types.HoverParams) -> types.Hover:
    return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, "**a model**"))


server.start_io()
