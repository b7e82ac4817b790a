"""URIs of documents ↔ paths of this machine."""

from __future__ import annotations

import os
from pathlib import Path

from pygls.uris import from_fs_path, to_fs_path, urlparse

_VIRTUAL_DOCUMENTS = ".virtual_documents"


def to_path(uri: str) -> str | None:
    """The file that a URI names; None for another scheme (``untitled:`` …) or another system's path."""
    try:
        path = to_fs_path(uri)
    except ValueError:  # e.g. "file://[": not a URI at all
        return None
    # A Windows path does not name a file on another system.
    return path if path and os.path.isabs(path) and "\0" not in path else None


def to_uri(path: str) -> str:
    """The ``file:`` URI of an absolute path."""
    return from_fs_path(path) or Path(path).as_uri()


def to_scheme(path: str, scheme: str) -> str:
    """The URI of an absolute path for a client that asks the server for the text of such files."""
    return f"{scheme}:{to_uri(path).removeprefix('file://')}"


def real_path(uri: str) -> str | None:
    """The file that an open document really is; None if it is none on this machine."""
    try:
        scheme, authority, path, *_ = urlparse(uri)
    except ValueError:
        return None
    # A cell that a client without notebook sync opens as a document of its own.
    file = path if scheme == "vscode-notebook-cell" and not authority else to_path(uri)
    if not file or not os.path.isabs(file):
        return None
    # jupyterlab-lsp opens root/sub/a.ipynb as root/.virtual_documents/sub/a.ipynb.
    return str(Path(*(part for part in Path(file).parts if part != _VIRTUAL_DOCUMENTS)))


def folder_of(uri: str) -> str | None:
    """The folder that a document's relative paths start from; None if it is in none on this machine."""
    file = real_path(uri)
    return os.path.dirname(file) if file else None
