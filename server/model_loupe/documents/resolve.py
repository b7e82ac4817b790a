"""Which binding a name means at a place of the document.

The last one before the use, in the innermost scope that has any; where the document binds it only later (a
loop's body, a cell that is run again, a function) the last of all. The outermost scopes of a notebook's cells
are one; a module that is imported, or written by a cell, has one of its own.
"""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple

from model_loupe.documents.facts import MODULE, Binding, CallSite, Facts, split_origin

_MOST_CANDIDATES = 16
_END = 1 << 30
# Of texts since the last analysis: beyond, their names are gathered anew.
_MOST_CHANGED = 8

Modules = Callable[[str], "Facts | None"]
"""A module's name as an import writes it (``.config``, ``utils.names``) → its facts, if it is at hand."""


class Place(NamedTuple):
    """Where an expression stands: the text's number, the scope in it, line and column as in ``ast``."""

    text: int
    scope: int
    line: int
    column: int


Key = tuple[int, int, int, "int | None", "int | None"]
"""Where an expression stands: text, line, column, end. In a text parsed anew it is another node."""


def key_of(text: int, node: ast.expr) -> Key:
    """The key of a node in a text."""
    return text, node.lineno, node.col_offset, node.end_lineno, node.end_col_offset


class Bound(NamedTuple):
    """A binding and the number of the text that it is in."""

    binding: Binding
    text: int


def place_of(text: int, scope: int, node: ast.expr) -> Place:
    """The place where ``node`` is evaluated."""
    return Place(text, scope, node.lineno, node.col_offset)


def end_of(text: int) -> Place:
    """The place behind all that a text's outermost scope says."""
    return Place(text, MODULE, _END, 0)


class Names:
    """All names of a document's texts: one of a file, several of a notebook in document order.

    ``apart`` are the numbers of texts that share no names with the others; ``modules`` gives those that the
    document imports, which come behind its own texts and are ``apart`` too.
    """

    def __init__(
        self, texts: Sequence[Facts], apart: frozenset[int] = frozenset(), modules: Modules | None = None
    ) -> None:
        self.texts = list(texts)
        self.own = len(self.texts)
        self._apart = apart
        self._modules = modules
        self._module_texts: dict[str, int | None] = {}
        self._imports: dict[tuple[int, str], str | None] = {}
        self._calls: dict[str, list[tuple[int, CallSite]]] = {}
        self._calls_by: dict[str, dict[str, list[tuple[int, CallSite]]]] = {}
        self._definitions: dict[str, list[tuple[int, int]]] | None = None
        self._outermost = _outermost(self.texts[:], apart)

    @property
    def asked_modules(self) -> tuple[str, ...]:
        """The modules whose text was asked for, found or not."""
        return tuple(self._module_texts)

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

    def imported(self, origin: str, text: int) -> list[Bound]:
        """What an import brings, if its module is at hand: what binds the name there."""
        module, name = split_origin(origin)
        number = self.module(module, text) if module else None
        return self.candidates(name, end_of(number)) if number is not None else []

    def module(self, name: str, text: int) -> int | None:
        """The number of an imported module's text; None if it is not at hand.

        A relative import of such a module itself is not followed: its package is not that of the document.
        """
        if self._modules is None or (name.startswith(".") and text >= self.own):
            return None
        if name not in self._module_texts:
            facts = self._modules(name)
            self._module_texts[name] = len(self.texts) if facts is not None else None
            if facts is not None:
                self.texts.append(facts)
                self._definitions = None
        return self._module_texts[name]

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
        key = (text if self._is_apart(text) else -1, name)
        if key not in self._imports:
            origins = {
                binding.origin
                for number in self._numbers(name, text)
                for binding in self.texts[number].bindings[MODULE, name]
            }
            self._imports[key] = origins.pop() if len(origins) == 1 else None
        return self._imports[key]

    def calls(self, name: str) -> list[tuple[int, CallSite]]:
        """The document's calls of what is called ``name``, with the number of their text, the last first."""
        found = self._calls.get(name)
        if found is None:
            found = self._calls[name] = [
                (number, site)
                for number in range(self.own - 1, -1, -1)
                for site in reversed(self.texts[number].calls.get(name, ()))
            ]
        return found

    def calls_by(
        self, name: str, keys: Callable[[ast.Call], Sequence[str]]
    ) -> dict[str, list[tuple[int, CallSite]]]:
        """The same by each of what ``keys`` says of a call, which has to be asked the same of a ``name``."""
        known = self._calls_by.get(name)
        if known is None:
            known = self._calls_by[name] = {}
            for call in self.calls(name):
                for key in dict.fromkeys(keys(call[1].node)):
                    known.setdefault(key, []).append(call)
        return known

    def definitions(self, name: str, kind: str) -> list[tuple[int, int]]:
        """The classes or functions called ``name``, as text and scope, the last first."""
        return [
            (text, scope)
            for text, scope in self._all_definitions().get(name, ())
            if self.texts[text].scopes[scope].kind == kind
        ]

    def classes(self) -> list[tuple[int, int]]:
        """All classes, as text and scope."""
        return [
            (text, scope)
            for found in self._all_definitions().values()
            for text, scope in found
            if self.texts[text].scopes[scope].kind == "class"
        ]

    def _all_definitions(self) -> dict[str, list[tuple[int, int]]]:
        if self._definitions is None:
            found: dict[str, list[tuple[int, int]]] = {}
            for number in range(len(self.texts) - 1, -1, -1):
                scopes = self.texts[number].scopes
                for scope in range(len(scopes) - 1, 0, -1):
                    if scopes[scope].name:
                        found.setdefault(scopes[scope].name, []).append((number, scope))
            self._definitions = found
        return self._definitions

    def _is_apart(self, text: int) -> bool:
        return text >= self.own or text in self._apart

    def _numbers(self, name: str, text: int) -> Sequence[int]:
        """The texts that share their outermost names with ``text`` and bind this one."""
        if self._is_apart(text):
            return (text,) if (MODULE, name) in self.texts[text].bindings else ()
        return self._outermost.get(name, ())

    def _in_scope(self, name: str, scope: int, place: Place, later: bool) -> list[Bound]:
        if scope == MODULE:
            return self._in_module(name, place, later)
        bound = self.texts[place.text].bindings.get((scope, name))
        if not bound:
            return []
        found = _before(bound, place)
        return found if found or not later else [Bound(bound[-1], place.text)]

    def _in_module(self, name: str, place: Place, later: bool) -> list[Bound]:
        numbers = self._numbers(name, place.text)
        if not numbers:
            return []
        likely: list[Bound] = []
        for index in range(bisect_right(numbers, place.text) - 1, -1, -1):
            number = numbers[index]
            bindings = self.texts[number].bindings[MODULE, name]
            likely += _before(bindings, place if number == place.text else end_of(number))
            if len(likely) >= _MOST_CANDIDATES or (likely and likely[-1].binding.certain):
                return likely
        if likely or not later:
            return likely
        return [Bound(self.texts[numbers[-1]].bindings[MODULE, name][-1], numbers[-1])]


class _Indexed(NamedTuple):
    """The outermost names of texts: name → the texts that bind it, in order."""

    texts: list[Facts]
    apart: frozenset[int]
    numbers: dict[str, list[int]]


# Of the document analysed last: a keystroke changes one of its texts.
_last: _Indexed | None = None


def _outermost(texts: list[Facts], apart: frozenset[int]) -> dict[str, list[int]]:
    """Where outermost names are bound. Lists of it are never changed: other analyses may share them."""
    global _last
    known = _last
    numbers: dict[str, list[int]] = {}
    if known is not None and len(known.texts) == len(texts) and known.apart == apart:
        different = [n for n, facts in enumerate(texts) if known.texts[n] is not facts]
        if len(different) <= _MOST_CHANGED:
            numbers = _without(known, different)
            for number in different:
                for name in texts[number].outermost() if number not in apart else ():
                    numbers[name] = sorted([*numbers.get(name, ()), number])
            _last = _Indexed(texts, apart, numbers)
            return numbers
    for number, facts in enumerate(texts):
        for name in facts.outermost() if number not in apart else ():
            numbers.setdefault(name, []).append(number)
    _last = _Indexed(texts, apart, numbers)
    return numbers


def _without(known: _Indexed, texts: Sequence[int]) -> dict[str, list[int]]:
    numbers = dict(known.numbers)
    for text in texts:
        for name in known.texts[text].outermost() if text not in known.apart else ():
            left = [number for number in numbers[name] if number != text]
            if left:
                numbers[name] = left
            else:
                del numbers[name]
    return numbers


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
