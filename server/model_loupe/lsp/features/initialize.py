"""``initialize`` and ``initialized``: the session begins."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from lsprotocol import types

from model_loupe.lsp import settings
from model_loupe.lsp.client import Client
from model_loupe.lsp.positions import PositionEncoding
from model_loupe.lsp.session import Session
from model_loupe.lsp.uris import to_path

if TYPE_CHECKING:
    from model_loupe.lsp.protocol import LoupeServer


def initialize(server: LoupeServer, params: types.InitializeParams) -> Session:
    """A session with this client."""
    parsed = settings.parse(_initial_settings(params.initialization_options))
    session = Session(
        Client(server, params.capabilities),
        PositionEncoding(server.workspace.position_encoding),
        parsed.settings,
    )
    session.setting_problems = parsed.problems
    options = params.initialization_options
    # Said by clients that know of trust and start the server without it.
    session.trusted = not (isinstance(options, dict) and options.get("trusted") is False)
    session.documents.workspace_folders = _folders(params)
    return session


def join(session: Session, params: types.InitializeParams) -> None:
    """Another window of the same client: what is open stays open, its folders are added."""
    known = session.documents.workspace_folders
    session.set_workspace_folders(dict.fromkeys([*known, *_folders(params)]))


async def initialized(session: Session, params: types.InitializedParams) -> None:
    """What need not be done before the first answer: load the rest of the package, look at the workspace."""
    for problem in session.setting_problems:
        session.client.log(types.MessageType.Warning, f"Setting ignored: {problem}")
    try:
        await session.run(_warm_up)
    finally:
        gc.freeze()
        gc.enable()
    session.scan_workspace()
    await session.client.register()


def _initial_settings(options: object) -> object:
    return options.get("settings") if isinstance(options, dict) else None


def _folders(params: types.InitializeParams) -> tuple[str, ...]:
    folders = [to_path(folder.uri) for folder in params.workspace_folders or ()]
    if not folders:
        root = params.root_uri
        folders = [to_path(root) if root else params.root_path]
    return tuple(folder for folder in folders if folder)


def _warm_up() -> None:
    """Import what the first hover would otherwise wait for."""
    import model_loupe.documents
    import model_loupe.inspector
    import model_loupe.lsp.requests  # noqa: F401
