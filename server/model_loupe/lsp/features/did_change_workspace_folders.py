"""``workspace/didChangeWorkspaceFolders``: folders were added to the workspace or taken out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from model_loupe.lsp.uris import to_path

if TYPE_CHECKING:
    from model_loupe.lsp.session import Session


def did_change_workspace_folders(session: Session, params: types.DidChangeWorkspaceFoldersParams) -> None:
    removed = {to_path(folder.uri) for folder in params.event.removed}
    added = [path for folder in params.event.added if (path := to_path(folder.uri))]
    kept = [folder for folder in session.documents.workspace_folders if folder not in removed]
    session.set_workspace_folders(dict.fromkeys([*kept, *added]))
    session.changed()
