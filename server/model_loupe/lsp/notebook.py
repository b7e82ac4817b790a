"""An open notebook: the order of its cells and their texts, kept in step with ``notebookDocument/didChange``.

Two things about changes are easily got wrong, and pygls' own notebooks get the second one wrong:

- A cell that moves is named as removed and as added, and its text is not sent again.
- A cell may be closed and opened in one change (its language changed): the new text stays.
"""

from __future__ import annotations

import logging

from lsprotocol import types

from model_loupe.lsp.positions import PositionEncoding
from model_loupe.lsp.text import Text, TextDocument

logger = logging.getLogger(__name__)


class Notebook:
    """A notebook document; ``cells`` are those that the client syncs, in order."""

    __slots__ = ("_kinds", "_texts", "order", "uri", "version")

    def __init__(self, params: types.DidOpenNotebookDocumentParams) -> None:
        document = params.notebook_document
        self.uri = document.uri
        self.version = document.version
        self.order = [cell.document for cell in document.cells]
        self._kinds = {cell.document: cell.kind for cell in document.cells}
        self._texts = {item.uri: TextDocument.opened(item) for item in params.cell_text_documents}

    @property
    def cells(self) -> list[tuple[TextDocument, types.NotebookCellKind]]:
        """The cells in order. One whose text never came is empty, so that the others keep their index."""
        return [
            (self._texts.get(uri) or TextDocument(uri, "", 0, Text("")), self._kinds[uri])
            for uri in self.order
        ]

    def change(self, params: types.DidChangeNotebookDocumentParams, encoding: PositionEncoding) -> None:
        """Apply a change: first the order of the cells, then what they are, then what they say."""
        self.version = params.notebook_document.version
        cells = params.change.cells
        if cells is None:
            return
        if cells.structure:
            self._restructure(cells.structure)
        for cell in cells.data or ():
            if cell.document in self._kinds:
                self._kinds[cell.document] = cell.kind
        for content in cells.text_content or ():
            self._edit(content, encoding)
        if cells.structure:
            self._forget(cells.structure)

    def _restructure(self, structure: types.NotebookDocumentCellChangeStructure) -> None:
        array = structure.array
        added = array.cells or ()
        self.order[array.start : array.start + array.delete_count] = [cell.document for cell in added]
        self._kinds.update({cell.document: cell.kind for cell in added})
        self._texts.update({item.uri: TextDocument.opened(item) for item in structure.did_open or ()})

    def _edit(self, content: types.NotebookDocumentCellContentChanges, encoding: PositionEncoding) -> None:
        uri = content.document.uri
        if uri not in self._kinds:
            logger.warning("change of a cell that is not open: %s", uri)
            return
        document = self._texts.setdefault(uri, TextDocument(uri, "", 0, Text("")))
        document.change(content.document.version, content.changes, encoding)

    def _forget(self, structure: types.NotebookDocumentCellChangeStructure) -> None:
        # Only what was closed and is nowhere any more: a cell on the move may be removed by one change and
        # put back by the next.
        for closed in structure.did_close or ():
            if closed.uri not in self.order:
                self._texts.pop(closed.uri, None)
                self._kinds.pop(closed.uri, None)
