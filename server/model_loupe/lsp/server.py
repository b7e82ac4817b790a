"""``model-loupe serve``: the life of the language server's process."""

from __future__ import annotations

import gc
import logging
import os
import sys
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from model_loupe.lsp.protocol import LoupeServer


def serve() -> int:
    """Speak LSP on stdin and stdout until told to exit; the exit code that the specification asks for."""
    # Importing the protocol's types makes a hundred thousand objects that all stay: collections during
    # start-up find nothing. They begin when the first answers are out, without those objects.
    gc.disable()
    level = logging.DEBUG if os.environ.get("MODEL_LOUPE_DEBUG") else logging.WARNING
    logging.basicConfig(stream=sys.stderr, level=level, format="%(levelname)s %(name)s: %(message)s")
    server = build_server()
    server.start_io(sys.stdin.buffer, _claim_stdout())
    return _end(server)


def build_server() -> LoupeServer:
    """The server with every feature registered."""
    from lsprotocol import types

    from model_loupe import __version__
    from model_loupe.lsp.features.notebook_document import SYNC
    from model_loupe.lsp.protocol import LoupeServer, quieten_pygls
    from model_loupe.lsp.registration import register

    server = LoupeServer(
        "model-loupe",
        __version__,
        text_document_sync_kind=types.TextDocumentSyncKind.Incremental,
        notebook_document_sync=SYNC,
    )
    register(server)
    quieten_pygls()
    return server


def _claim_stdout() -> BinaryIO:
    """Stdout for the protocol alone: whatever else prints goes to stderr, and does not break the stream."""
    channel = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sys.stdout = sys.stderr
    return channel


def _end(server: LoupeServer) -> int:
    code = 0 if server.was_shut_down else 1
    if server.close():
        # A thread is still at work, perhaps in a read that never returns (a dead network mount). Python would
        # wait for it.
        sys.stderr.flush()
        os._exit(code)
    return code
