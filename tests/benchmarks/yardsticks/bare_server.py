"""A language server on pygls without a single feature: what any server on it costs to start."""

from pygls.lsp.server import LanguageServer

LanguageServer("bare", "0").start_io()
