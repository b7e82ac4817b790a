"""The references of a file or notebook, and what stands under a cursor in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from model_loupe.documents import settings, shell
from model_loupe.documents.arguments import Arguments, GivenArgument, OpenCall
from model_loupe.documents.calls import Calls
from model_loupe.documents.casts import Cast, Casts
from model_loupe.documents.facts import Facts
from model_loupe.documents.memory import facts_of, facts_of_all
from model_loupe.documents.mentions import Mentions
from model_loupe.documents.objects import Object, Objects, Typed
from model_loupe.documents.reference import Cell, Mention, Reference
from model_loupe.documents.resolve import Modules, Names
from model_loupe.documents.sites import Sites
from model_loupe.documents.values import Values

Siblings = Callable[[str], "str | None"]
"""A module's name as the document imports it (``.config``, ``utils.names``) → its text, if it is at hand."""


class Analysis:
    """What a document says of models. ``references`` are in document order, ``sites`` tell more of them.

    ``modules`` are the imported modules whose text was asked for: when one changes, so may the analysis.
    """

    def __init__(
        self, indexes: Sequence[int | None], texts: Sequence[Facts], siblings: Siblings | None = None
    ) -> None:
        apart = frozenset(number for number, facts in enumerate(texts) if facts.file is not None)
        names = Names(texts, apart, _modules(texts, apart, siblings))
        values = Values(names)
        calls = Calls(indexes, names, values)
        self.references: list[Reference] = _references(indexes, names, values, calls)
        self.modules = names.asked_modules
        self._mentions = Mentions(indexes, names, values, self.references, calls.written)
        self._objects = Objects(indexes, names, values.follower, calls)
        self._casts = Casts(indexes, names, calls, self._objects)
        self.sites = Sites(indexes, names, calls, self._objects.trace)
        self._arguments = Arguments(indexes, names, self._objects, self.references)

    def mention_at(self, cell: int | None, line: int, column: int) -> Mention | None:
        """The model's name under a cursor: a literal or variable of a loading call, or one that feeds it."""
        return self._mentions.at(cell, line, column)

    def object_at(self, cell: int | None, line: int, column: int) -> Object | None:
        """What a call loads, or a part of it, that stands under a cursor: ``model.layers[3].mlp``."""
        return self._objects.at(cell, line, column)

    def typed_at(self, cell: int | None, line: int, column: int) -> Typed | None:
        """The object whose part is being typed before a cursor: ``model.layers[3].``"""
        return self._objects.typed(cell, line, column)

    def casts(self) -> list[Cast]:
        """The places that give a loaded model a dtype, in order."""
        return self._casts.all()

    def argument_at(self, cell: int | None, line: int, column: int) -> GivenArgument | None:
        """The keyword argument of a call whose name is under a cursor."""
        return self._arguments.at(cell, line, column)

    def open_call_at(self, cell: int | None, line: int, column: int) -> OpenCall | None:
        """The call whose arguments are being typed before a cursor."""
        return self._arguments.open_at(cell, line, column)

    def literals(self, cell: int | None) -> list[Mention]:
        """The string literals of a cell, or of the file, that are the name of what some call loads."""
        return self._mentions.literals(cell)


def analyse_python(text: str, siblings: Siblings | None = None) -> Analysis:
    """The analysis of a Python file; never raises. ``siblings`` reads the modules that it imports."""
    return Analysis([None], [facts_of(text)], siblings)


def analyse_notebook(cells: Sequence[Cell], siblings: Siblings | None = None) -> Analysis:
    """The analysis of a notebook: its Python code cells as one program in document order; never raises."""
    code = [cell for cell in cells if cell.kind == "code" and cell.language == "python"]
    return Analysis([cell.index for cell in code], facts_of_all([cell.text for cell in code]), siblings)


def _references(indexes: Sequence[int | None], names: Names, values: Values, calls: Calls) -> list[Reference]:
    by_text = calls.by_text()
    loaded: frozenset[str] | None = None
    for number, found in enumerate(by_text):
        facts = names.texts[number]
        if not facts.dicts and not facts.shell:
            continue
        if loaded is None:
            loaded = frozenset(reference.model for text in by_text for reference in text if reference.model)
        cell = indexes[number]
        found += settings.in_dicts(facts, number, cell, values, calls.written, loaded)
        found += shell.references(facts.shell, number, cell, values, calls.written)
        found.sort(key=lambda reference: reference.call)
    return [reference for found in by_text for reference in found]


def _modules(texts: Sequence[Facts], apart: frozenset[int], siblings: Siblings | None) -> Modules | None:
    """Where imported modules are found: in what the notebook's own cells write, then beside the document."""
    if siblings is None and not apart:
        return None
    written = {_module_name(texts[number].file or ""): texts[number] for number in sorted(apart)}

    def module(name: str) -> Facts | None:
        facts = written.get(name)
        if facts is None and siblings is not None:
            text = siblings(name)
            facts = facts_of(text) if text is not None else None
        return facts

    return module


def _module_name(path: str) -> str:
    return path.removeprefix("./").removesuffix(".py").replace("\\", "/").replace("/", ".")
