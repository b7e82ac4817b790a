"""What is open in the editor, by URI."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

from lsprotocol import types

from model_loupe.lsp import snapshot
from model_loupe.lsp.notebook import Notebook
from model_loupe.lsp.positions import PositionEncoding
from model_loupe.lsp.snapshot import Imports, Snapshot
from model_loupe.lsp.text import TextDocument
from model_loupe.lsp.uris import folder_of, real_path

logger = logging.getLogger(__name__)


class OpenDocuments:
    """Open texts and notebooks, with a snapshot of each until it changes. For the event loop's thread."""

    def __init__(self, encoding: PositionEncoding) -> None:
        self._encoding = encoding
        self._texts: dict[str, TextDocument] = {}
        self._notebooks: dict[str, Notebook] = {}
        self._notebook_of_cell: dict[str, str] = {}
        self._snapshots: dict[str, Snapshot] = {}
        self._paths: dict[str, str | None] = {}
        self.workspace_folders: tuple[str, ...] = ()

    def snapshot(self, uri: str) -> Snapshot | None:
        """The present state of the open Python document or notebook that ``uri``, or a cell's, names."""
        uri = self._notebook_of_cell.get(uri, uri)
        if uri not in self._snapshots:
            text, notebook = self._texts.get(uri), self._notebooks.get(uri)
            if notebook:
                self._snapshots[uri] = snapshot.of_notebook(notebook, self._folders(uri), self._imports(uri))
            elif text and _is_python(text):
                self._snapshots[uri] = snapshot.of_document(text, self._folders(uri), self._imports(uri))
            else:
                return None
        return self._snapshots[uri]

    def text(self, uri: str) -> TextDocument | None:
        """The open text of any language."""
        return self._texts.get(uri)

    def uris(self) -> tuple[str, ...]:
        """Everything open, in the order of opening."""
        return (*self._texts, *self._notebooks)

    def snapshots(self) -> Iterator[Snapshot]:
        """The present state of everything open, in the order of opening."""
        for uri in self.uris():
            if found := self.snapshot(uri):
                yield found

    def open_text(self, item: types.TextDocumentItem) -> None:
        self._texts[item.uri] = TextDocument.opened(item)
        self._snapshots.pop(item.uri, None)

    def change_text(self, params: types.DidChangeTextDocumentParams) -> None:
        identifier = params.text_document
        document = self._texts.get(identifier.uri)
        if document is None:
            logger.warning("change of a document that is not open: %s", identifier.uri)
            return
        document.change(identifier.version, params.content_changes, self._encoding)
        self._snapshots.pop(identifier.uri, None)

    def close_text(self, uri: str) -> None:
        self._texts.pop(uri, None)
        self._snapshots.pop(uri, None)
        self._paths.pop(uri, None)

    def open_notebook(self, params: types.DidOpenNotebookDocumentParams) -> None:
        notebook = Notebook(params)
        self._notebooks[notebook.uri] = notebook
        self._index(notebook)

    def change_notebook(self, params: types.DidChangeNotebookDocumentParams) -> None:
        notebook = self._notebooks.get(params.notebook_document.uri)
        if notebook is None:
            logger.warning("change of a notebook that is not open: %s", params.notebook_document.uri)
            return
        notebook.change(params, self._encoding)
        self._index(notebook)

    def close_notebook(self, uri: str) -> None:
        self._notebooks.pop(uri, None)
        self._snapshots.pop(uri, None)
        self._drop_cells(uri)

    def forget_dependents(self, path: str) -> bool:
        """Make the snapshots of documents that may import the file at ``path`` anew.

        Whether any of them was read: of the others nobody has been told anything.
        """
        dependents = {
            uri: known
            for uri, known in self._snapshots.items()
            if self._path(uri) != path and known.depends_on(path)
        }
        for uri in dependents:
            del self._snapshots[uri]
        return any(known.is_analysed for known in dependents.values())

    def _path(self, uri: str) -> str | None:
        if uri not in self._paths:
            self._paths[uri] = real_path(uri)
        return self._paths[uri]

    def _imports(self, uri: str) -> Imports | None:
        path = self._path(uri)
        if path is None:
            return None
        folders = [folder for folder in self.workspace_folders if _is_inside(path, folder)]
        # Without a workspace, what stands beside the document.
        root = max(folders, key=len, default=os.path.dirname(path))
        unsaved = {
            other: document.text.source
            for name, document in self._texts.items()
            if name != uri and (other := self._path(name)) and other.endswith(".py")
        }
        return Imports(path, root, unsaved)

    def forget_snapshots(self) -> None:
        """Make all snapshots anew: the workspace's folders changed, and what relative paths mean."""
        self._snapshots.clear()

    def _index(self, notebook: Notebook) -> None:
        self._snapshots.pop(notebook.uri, None)
        self._drop_cells(notebook.uri)
        self._notebook_of_cell.update(dict.fromkeys(notebook.order, notebook.uri))

    def _drop_cells(self, notebook: str) -> None:
        self._notebook_of_cell = {
            cell: uri for cell, uri in self._notebook_of_cell.items() if uri != notebook
        }

    def _folders(self, uri: str) -> tuple[str, ...]:
        """Where a document's relative paths may start: its folder, its workspace folder, the other ones."""
        own = folder_of(uri)
        outer = sorted(self.workspace_folders, key=lambda folder: not _is_inside(own, folder))
        return tuple(dict.fromkeys([*([own] if own else []), *outer]))


def _is_inside(path: str | None, folder: str) -> bool:
    return path is not None and (path + "/").startswith(folder.rstrip("/\\") + "/")


def _is_python(document: TextDocument) -> bool:
    # A notebook that JupyterLab sends as one document has the language of its kernel.
    return document.language in ("python", "ipython") or document.uri.endswith((".py", ".pyi"))
