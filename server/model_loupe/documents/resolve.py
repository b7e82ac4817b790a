"""Which binding a name means at a place of the document.

The last one before the use, in the innermost scope that has any; where the document binds it only later (a
loop's body, a cell that is run again, a function) the last of all. Cells' outermost scopes are one.
"""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from model_loupe.documents.facts import MODULE, Binding, CallSite, Facts

_MOST_CANDIDATES = 16
_END = 1 << 30


class Place(NamedTuple):
    """Where an expression stands: the text's number, the scope in it, line and column as in ``ast``."""

    text: int
    scope: int
    line: int
    column: int


class Bound(NamedTuple):
    """A binding and the number of the text that it is in."""

    binding: Binding
    text: int


def place_of(text: int, scope: int, node: ast.expr) -> Place:
    """The place where ``node`` is evaluated."""
    return Place(text, scope, node.lineno, node.col_offset)


class Names:
    """All names of a document's texts: one of a file, several of a notebook in document order."""

    def __init__(self, texts: Sequence[Facts]) -> None:
        self.texts = texts
        self._imports: dict[str, str | None] = {}
        self._calls: dict[str, list[tuple[int, CallSite]]] = {}
        self._classes: list[tuple[int, int, str]] | None = None
        # The outermost names only, and only where they are: this is done anew for every keystroke.
        self._modules: defaultdict[str, list[int]] = defaultdict(list)
        for number, facts in enumerate(texts):
            for name in facts.outermost():
                self._modules[name].append(number)

    def candidates(self, name: str, place: Place, *, later: bool = True) -> list[Bound]:
        """The bindings that ``name`` may mean at ``place``, the likeliest first.

        More than one where the last did not certainly happen; none if the document does not bind the name.
        ``later``: those after the use count where there is none before it.
        """
        scopes = self.texts[place.text].scopes
        scope = place.scope
        while True:
            # A method does not see its class's names.
            if scope == place.scope or scopes[scope].kind != "class":
                found = self._in_scope(name, scope, place, later)
                if found:
                    return found
            if scope == MODULE:
                return []
            scope = scopes[scope].parent

    def attributes(self, name: str, text: int, scope: int) -> list[Bound]:
        """What a class's body or its methods bind to an attribute, the last first."""
        return [Bound(found, text) for found in reversed(self.texts[text].bindings.get((scope, name), ()))]

    def always_imported(self, name: str, text: int, scope: int) -> str | None:
        """What ``name`` is wherever in the document it is used, if all that binds it is one import.

        So it is with nearly every library's function; the answer needs no place.
        """
        facts = self.texts[text]
        while scope != MODULE:
            if (scope, name) in facts.bindings:
                return None
            scope = facts.scopes[scope].parent
        if name not in self._imports:
            origins = {
                binding.origin
                for number in self._modules.get(name, ())
                for binding in self.texts[number].bindings[MODULE, name]
            }
            self._imports[name] = origins.pop() if len(origins) == 1 else None
        return self._imports[name]

    def calls(self, name: str) -> list[tuple[int, CallSite]]:
        """The calls of everything called ``name``, with the number of their text, the last first."""
        found = self._calls.get(name)
        if found is None:
            found = self._calls[name] = [
                (number, site)
                for number in range(len(self.texts) - 1, -1, -1)
                for site in reversed(self.texts[number].calls.get(name, ()))
            ]
        return found

    def classes(self) -> list[tuple[int, int, str]]:
        """The classes that the document defines: text, scope and name."""
        if self._classes is None:
            self._classes = [
                (number, scope, described.name)
                for number, facts in enumerate(self.texts)
                if len(facts.scopes) > 1
                for scope, described in enumerate(facts.scopes)
                if described.kind == "class"
            ]
        return self._classes

    def _in_scope(self, name: str, scope: int, place: Place, later: bool) -> list[Bound]:
        if scope == MODULE:
            return self._outermost(name, place, later)
        bound = self.texts[place.text].bindings.get((scope, name))
        if not bound:
            return []
        found = _before(bound, place)
        return found if found or not later else [Bound(bound[-1], place.text)]

    def _outermost(self, name: str, place: Place, later: bool) -> list[Bound]:
        numbers = self._modules.get(name)
        if not numbers:
            return []
        likely: list[Bound] = []
        for index in range(bisect_right(numbers, place.text) - 1, -1, -1):
            number = numbers[index]
            bindings = self.texts[number].bindings[MODULE, name]
            likely += _before(bindings, place if number == place.text else _at_end_of(number))
            if len(likely) >= _MOST_CANDIDATES or (likely and likely[-1].binding.certain):
                return likely
        return (
            likely
            if likely or not later
            else [Bound(self.texts[numbers[-1]].bindings[MODULE, name][-1], numbers[-1])]
        )


def _at_end_of(text: int) -> Place:
    return Place(text, MODULE, _END, 0)


def _before(bindings: list[Binding], place: Place) -> list[Bound]:
    """Those that hold at ``place``, the last first, down to one that certainly happened."""
    here = (place.line, place.column)
    found: list[Bound] = []
    for binding in reversed(bindings):
        if binding.position <= here:
            found.append(Bound(binding, place.text))
            if binding.certain or len(found) == _MOST_CANDIDATES:
                break
    return found
