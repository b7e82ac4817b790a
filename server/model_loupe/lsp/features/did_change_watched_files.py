"""``workspace/didChangeWatchedFiles``: checkpoints and code that changed on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from model_loupe.lsp.uris import to_path

if TYPE_CHECKING:
    from model_loupe.lsp.session import Session


def did_change_watched_files(session: Session, params: types.DidChangeWatchedFilesParams) -> None:
    """Forget what was read of the files, and look again."""
    paths = [path for change in params.changes if (path := to_path(change.uri))]
    code = [path for path in paths if path.endswith((".py", ".ipynb"))]
    if code:
        session.scan_workspace()
    checkpoints = [path for path in paths if path not in code]
    for path in checkpoints:
        session.invalidate(path)
    imported = [path for path in code if session.documents.forget_dependents(path)]
    if checkpoints or imported:
        session.changed()
