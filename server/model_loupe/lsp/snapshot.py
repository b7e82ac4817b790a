"""An open document at one moment: its texts and, once asked for, the models that it mentions."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, NamedTuple

from lsprotocol import types

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from model_loupe.documents import (
        Analysis,
        Cast,
        GivenArgument,
        Mention,
        Object,
        OpenCall,
        Reference,
        Siblings,
        Sites,
        Typed,
    )
    from model_loupe.lsp.notebook import Notebook
    from model_loupe.lsp.requests import Ask
    from model_loupe.lsp.text import TextDocument


class Part(NamedTuple):
    """A text of a snapshot: the whole document, or a cell of a notebook, which need not be Python."""

    uri: str
    version: int
    lines: tuple[str, ...]
    is_python: bool = True


class Call(NamedTuple):
    """A loading call, the part it stands in, and what it asks (None: its model is not known)."""

    part: Part
    reference: Reference
    ask: Ask | None


class Snapshot:
    """One version of a document. Immutable, so that threads may read it while the editor moves on."""

    __slots__ = ("_analyse", "_analysis", "_lock", "folders", "is_notebook", "parts", "uri", "version")

    def __init__(
        self,
        uri: str,
        version: int,
        parts: tuple[Part, ...],
        folders: tuple[str, ...],
        analyse: Callable[[], Analysis],
        *,
        is_notebook: bool,
    ) -> None:
        self.uri = uri
        self.version = version
        self.parts = parts
        self.folders = folders
        self.is_notebook = is_notebook
        self._analyse = analyse
        self._analysis: Analysis | None = None
        self._lock = threading.Lock()

    @property
    def is_analysed(self) -> bool:
        """Whether anything was asked of it yet."""
        return self._analysis is not None

    def depends_on(self, path: str) -> bool:
        """Whether the file at ``path`` may be a module that the document imports; True if not known yet."""
        if self._analysis is None:
            return True
        name, _ = os.path.splitext(path)
        name = os.path.dirname(name) if os.path.basename(name) == "__init__" else name
        return any(
            module.rpartition(".")[2] in ("", os.path.basename(name)) for module in self._analysis.modules
        )

    def index(self, uri: str) -> int | None:
        """The part with ``uri``; None for the URI of a notebook itself, which has no text."""
        return next((index for index, part in enumerate(self.parts) if part.uri == uri), None)

    def mention(self, index: int, line: int, column: int) -> Mention | None:
        """The model that part ``index`` mentions at a place in code points. Slow the first time."""
        return self._analysed().mention_at(index if self.is_notebook else None, line, column)

    def object(self, index: int, line: int, column: int) -> Object | None:
        """The model, or the part of one, that part ``index`` has at a place. Slow the first time."""
        return self._analysed().object_at(index if self.is_notebook else None, line, column)

    def typed(self, index: int, line: int, column: int) -> Typed | None:
        """The object whose part is being typed at a place. Slow the first time."""
        return self._analysed().typed_at(index if self.is_notebook else None, line, column)

    def argument(self, index: int, line: int, column: int) -> GivenArgument | None:
        """The keyword argument whose name part ``index`` has at a place. Slow the first time."""
        return self._analysed().argument_at(index if self.is_notebook else None, line, column)

    def open_call(self, index: int, line: int, column: int) -> OpenCall | None:
        """The call whose arguments are being typed at a place. Slow the first time."""
        return self._analysed().open_call_at(index if self.is_notebook else None, line, column)

    def literals(self, index: int) -> list[Mention]:
        """The literals of part ``index`` that name a model which some call loads. Slow the first time."""
        return self._analysed().literals(index if self.is_notebook else None)

    def casts(self) -> list[Cast]:
        """The places that give a loaded model a dtype, in order. Slow the first time."""
        return self._analysed().casts()

    def calls(self) -> list[Call]:
        """The loading calls, in order. Slow the first time, and looks at the disk: for a worker thread."""
        from model_loupe.lsp.requests import ask

        return [
            Call(self.parts[reference.cell or 0], reference, ask(reference, self.folders))
            for reference in self._analysed().references
        ]

    def sites(self) -> Sites:
        """More of the loading calls, and what is done with what they load. Slow the first time."""
        return self._analysed().sites

    def _analysed(self) -> Analysis:
        with self._lock:
            if self._analysis is None:
                self._analysis = self._analyse()
            return self._analysis


class Imports(NamedTuple):
    """Where a document's imports lead: its own ``path``, the ``root`` up to which to look, and open texts."""

    path: str
    root: str
    unsaved: Mapping[str, str]

    def siblings(self) -> Siblings:
        """What reads them; looks at the disk when asked."""
        from model_loupe.documents.scan import siblings

        return siblings(*self)


def of_document(document: TextDocument, folders: tuple[str, ...], imports: Imports | None = None) -> Snapshot:
    """A snapshot of a Python file (or of a notebook that a client sends as one)."""
    source = document.text.source

    def analyse() -> Analysis:
        from model_loupe.documents import analyse_python

        return analyse_python(source, imports.siblings() if imports else None)

    return Snapshot(document.uri, document.version, (_part(document),), folders, analyse, is_notebook=False)


def of_notebook(notebook: Notebook, folders: tuple[str, ...], imports: Imports | None = None) -> Snapshot:
    """A snapshot of a notebook. Cells are counted as the client syncs them: VS Code syncs code alone."""
    cells = [
        (
            "markdown" if kind is types.NotebookCellKind.Markup else "code",
            document.text.source,
            document.language,
        )
        for document, kind in notebook.cells
    ]

    def analyse() -> Analysis:
        from model_loupe.documents import Cell, analyse_notebook

        return analyse_notebook(
            [Cell(index, *cell) for index, cell in enumerate(cells)], imports.siblings() if imports else None
        )

    parts = tuple(
        _part(document)._replace(is_python=(kind, language) == ("code", "python"))
        for (document, _), (kind, _, language) in zip(notebook.cells, cells, strict=True)
    )
    return Snapshot(notebook.uri, notebook.version, parts, folders, analyse, is_notebook=True)


def _part(document: TextDocument) -> Part:
    return Part(document.uri, document.version, document.text.lines)
