"""Loading calls argument by argument, and what the document does with what they load."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

from model_loupe.documents.calls import Calls
from model_loupe.documents.facts import CallSite, dotted
from model_loupe.documents.installs import Install, installs_in
from model_loupe.documents.pairs import Pair, Pairs, Trace
from model_loupe.documents.reference import Reference, Span
from model_loupe.documents.resolve import Names, place_of
from model_loupe.documents.trace import CASTS, cast_of

_CASTING = (*CASTS, "to", "type")
# A call of what was loaded is looked at if it is given one of these.
_TELLING = frozenset(["max_length", "padding"])
_KINDS_CALLED = ("tokenizer", "pipeline", "model")


class Argument(NamedTuple):
    """A keyword argument: ``span`` is ``name=value``, ``value`` the value's, ``text`` that as written.

    ``made_by`` is what the value is a call of (``BitsAndBytesConfig``), also where a variable holds it.
    """

    name: str
    span: Span
    value: Span
    text: str
    made_by: str | None = None

    @property
    def name_span(self) -> Span:
        line, column = self.span[:2]
        return Span(line, column, line, column + len(self.name))


class Site(NamedTuple):
    """A loading call: its reference and keyword arguments.

    ``origin`` is the dotted name of what is called, by imports where ``imported`` says so, else as written.
    """

    reference: Reference
    origin: str
    imported: bool
    arguments: tuple[Argument, ...]

    def argument(self, name: str) -> Argument | None:
        return next((argument for argument in self.arguments if argument.name == name), None)


class Use(NamedTuple):
    """A call of what ``reference`` loads, or of its ``method`` ("": the object itself): ``tokenizer(…)``.

    ``kind`` is the object's, ``owner`` as it is written, ``cast`` the dtype that the call casts it to;
    ``span`` is the whole call, ``base`` loads the model below an adapter.
    """

    reference: Reference
    base: Reference | None
    kind: str
    owner: str
    method: str
    cell: int | None
    span: Span
    cast: str | None
    arguments: tuple[Argument, ...]

    def argument(self, name: str) -> Argument | None:
        return next((argument for argument in self.arguments if argument.name == name), None)


class Sites:
    """Of one document; each list is made when first asked for."""

    def __init__(self, indexes: Sequence[int | None], names: Names, calls: Calls, trace: Trace) -> None:
        self._indexes = indexes
        self._names = names
        self._calls = calls
        self._trace = trace

    @cached_property
    def loading(self) -> list[Site]:
        """The loading calls, in no order."""
        found = []
        for number, site, reference in self._calls.found:
            called = self._calls.called(number, site)
            if called is not None:
                arguments = self._arguments(number, site)
                found.append(Site(reference, called.name, called.imported, arguments))
        return found

    @cached_property
    def uses(self) -> list[Use]:
        """Calls that cast what was loaded, or give it a length or padding."""
        return [
            use
            for number in range(self._names.own)
            for name, sites in self._names.texts[number].calls.items()
            for site in sites
            if name in _CASTING or any(keyword.arg in _TELLING for keyword in site.node.keywords)
            if (use := self._use(number, site)) is not None
        ]

    @cached_property
    def pairs(self) -> list[Pair]:
        """Models and tokenizers that are used together."""
        return list(Pairs(self._indexes, self._names, self._calls, self._trace).all())

    @cached_property
    def installs(self) -> list[Install]:
        """What the document's shell lines install, in its order."""
        texts = zip(self._indexes, self._names.texts, strict=False)
        return [found for cell, facts in texts for found in installs_in(facts.shell, cell)]

    @cached_property
    def adapted(self) -> list[tuple[Reference, Reference]]:
        """Adapters, each with the model that it is put on."""
        return list(self._adapted())

    def _adapted(self) -> Iterator[tuple[Reference, Reference]]:
        for number, site, reference in self._calls.found:
            if reference.role == "adapter":
                found = self._trace(site.node, place_of(number, site.scope, site.node))
                if found is not None and found.base is not None:
                    yield reference, found.base

    def _use(self, number: int, site: CallSite) -> Use | None:
        func = site.node.func
        place = place_of(number, site.scope, func)
        traced, method, owner = self._trace(func, place), "", func
        if (traced is None or traced.parts) and isinstance(func, ast.Attribute):
            traced, method, owner = self._trace(func.value, place), func.attr, func.value
        if traced is None or traced.parts or traced.kind not in _KINDS_CALLED:
            return None
        facts = self._names.texts[number]
        return Use(
            traced.reference,
            traced.base,
            traced.kind,
            facts.source.fragment(owner),
            method,
            self._indexes[number],
            facts.source.span(site.node),
            cast_of(site.node) if method in _CASTING else None,
            self._arguments(number, site),
        )

    def _arguments(self, number: int, site: CallSite) -> tuple[Argument, ...]:
        source = self._names.texts[number].source
        return tuple(
            Argument(
                keyword.arg,
                source.span(keyword),
                source.span(keyword.value),
                source.fragment(keyword.value),
                self._made_by(number, site.scope, keyword.value),
            )
            for keyword in site.node.keywords
            if keyword.arg is not None
        )

    def _made_by(self, number: int, scope: int, node: ast.expr) -> str | None:
        """What a value, or the one thing that a name is given, is a call of."""
        if isinstance(node, ast.Name):
            bound = self._names.candidates(node.id, place_of(number, scope, node))
            if len(bound) != 1 or bound[0].binding.value is None or bound[0].binding.path:
                return None
            node = bound[0].binding.value
        return (dotted(node.func) or "").rpartition(".")[2] or None if isinstance(node, ast.Call) else None
