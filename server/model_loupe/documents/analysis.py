"""The references of a file or notebook, and what stands under a cursor in it."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from operator import attrgetter
from typing import NamedTuple

from model_loupe.documents import apis
from model_loupe.documents.facts import MODULE, CallSite, Facts, Use, dotted
from model_loupe.documents.memory import facts_of, facts_of_all
from model_loupe.documents.mentions import Mentions
from model_loupe.documents.names import kind_of, written_place
from model_loupe.documents.reference import Cell, Mention, Reference
from model_loupe.documents.resolve import Names, place_of
from model_loupe.documents.values import Known, Values

_LONGEST_OWNER = 80


class Analysis:
    """What a document says of models. ``references`` are in document order."""

    def __init__(self, indexes: Sequence[int | None], texts: Sequence[Facts]) -> None:
        names = Names(texts)
        values = Values(names)
        self.references: list[Reference] = _Finder(indexes, names, values).references()
        self._mentions = Mentions(indexes, names, values, self.references)

    def mention_at(self, cell: int | None, line: int, column: int) -> Mention | None:
        """The model's name under a cursor: a literal or variable of a loading call, or one that feeds it."""
        return self._mentions.at(cell, line, column)


def analyse_python(text: str) -> Analysis:
    """The analysis of a Python file; never raises."""
    return Analysis([None], [facts_of(text)])


def analyse_notebook(cells: Sequence[Cell]) -> Analysis:
    """The analysis of a notebook: its Python code cells as one program in document order; never raises."""
    code = [cell for cell in cells if cell.kind == "code" and cell.language == "python"]
    return Analysis([cell.index for cell in code], facts_of_all([cell.text for cell in code]))


class _Parts:
    """What the text alone says of a loading call: which argument names the model, the ranges, the rest."""

    __slots__ = ("api", "argument", "call", "callee", "expression", "kwargs", "span")

    def __init__(self, facts: Facts, node: ast.Call, api: apis.Api) -> None:
        keywords = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg is not None}
        self.api = api
        self.argument, self.expression = _argument(node, api, keywords)
        self.callee = _callee(facts, node.func)
        self.call = facts.source.span(node)
        self.span = facts.source.span(self.expression) if self.expression is not None else self.call
        self.kwargs = {
            name: facts.source.fragment(value)
            for name, value in keywords.items()
            if value is not self.expression
        }


class _Extract(NamedTuple):
    """Of one text's facts, what can load a model (by its own name) and what is written to."""

    loading: list[CallSite]
    written: list[Use]


def _extract(facts: Facts) -> _Extract:
    found = facts.remembered
    if not isinstance(found, _Extract):
        names = apis.CALLABLES.intersection(facts.calls)
        loading = [site for name in names for site in facts.calls[name]]
        written = list(facts.writes)
        for name in apis.WRITING_CALLS.intersection(facts.calls):
            written += [Use(site.node.args[0], site.scope) for site in facts.calls[name] if site.node.args]
        found = facts.remembered = _Extract(loading, written)
    return found


class _Finder:
    """Finds the references of one document."""

    def __init__(self, indexes: Sequence[int | None], names: Names, values: Values) -> None:
        self._indexes = indexes
        self._names = names
        self._values = values
        self._written = self._written_places()

    def references(self) -> list[Reference]:
        texts = self._names.texts
        aliases = {
            local
            for facts in texts
            if facts.aliases
            for local, name in facts.aliases.items()
            if name in apis.CALLABLES and local not in apis.CALLABLES
        }
        found: list[Reference] = []
        for number, facts in enumerate(texts):
            sites = _extract(facts).loading
            if aliases and not aliases.isdisjoint(facts.calls):
                sites = sites + [site for name in aliases for site in facts.calls.get(name, ())]
            in_text = [
                reference for site in sites if (reference := self._reference(number, facts, site)) is not None
            ]
            in_text.sort(key=attrgetter("call"))
            found += in_text
        return found

    def _reference(self, number: int, facts: Facts, site: CallSite) -> Reference | None:
        api = self._api(number, site)
        if api is None:
            return None
        parts = site.remembered
        if not isinstance(parts, _Parts) or parts.api is not api:
            parts = site.remembered = _Parts(facts, site.node, api)
        if parts.kwargs and parts.kwargs.get("repo_type", "").strip("'\"") in ("dataset", "space"):
            return None
        known: Known | None = None
        if parts.expression is not None:
            known = self._values.of(parts.expression, place_of(number, site.scope, parts.expression))
        elif not api.optional:
            return None
        if known is None and api.needs_text:
            return None
        return Reference(
            self._indexes[number],
            parts.span,
            parts.call,
            parts.callee,
            parts.argument,
            known.text if known else None,
            kind_of(known.text, self._written) if known else "unknown",
            round(known.confidence, 3) if known else 0.0,
            parts.kwargs,
            api.role,
        )

    def _api(self, number: int, site: CallSite) -> apis.Api | None:
        """The table's entry for what a call calls, as far as imports and assignments tell."""
        func = site.node.func
        callee = site.callee
        if callee is None:
            # ``CLASSES[name].from_pretrained(x)``, ``type(self).from_pretrained(x)``
            method = func.attr if isinstance(func, ast.Attribute) else ""
            return apis.find(f"?.{method}", False, True)
        head, dot, rest = callee.partition(".")
        always = self._names.always_imported(head, number, site.scope)
        if always is not None:
            return apis.find(f"{always}{dot}{rest}", True, False)
        place = place_of(number, site.scope, func)
        # A function may call what the module binds below it; the module itself may not.
        candidates = self._names.candidates(head, place, later=site.scope != MODULE)
        # In ``try: from x import y; except ImportError: y = None`` the import is what is meant.
        origin = next((found.binding.origin for found in candidates if found.binding.origin), None)
        if origin is not None:
            return apis.find(f"{origin}{dot}{rest}", True, False)
        if candidates and not dot:
            # ``pipeline(…)`` after ``pipeline = …``: a call of the object, or of a function of their own.
            return None
        value = candidates[0].binding.value if candidates else None
        if dot and value is not None:
            # ``cls = AutoTokenizer`` and then ``cls.from_pretrained(x)``.
            callee = f"{dotted(value) or head}{dot}{rest}"
        return apis.find(callee, False, bool(candidates) or head in ("self", "cls"))

    def _written_places(self) -> frozenset[str]:
        found: set[str] = set()
        for number, facts in enumerate(self._names.texts):
            for expression, scope in _extract(facts).written:
                known = self._values.of(expression, place_of(number, scope, expression))
                if known:
                    found.add(written_place(known.text))
        return frozenset(found - {""})


def _argument(call: ast.Call, api: apis.Api, keywords: dict[str, ast.expr]) -> tuple[str, ast.expr | None]:
    for keyword in api.keywords:
        if keyword in keywords:
            return keyword, keywords[keyword]
    position = api.position
    if position is not None and len(call.args) > position:
        before = call.args[: position + 1]
        if not any(isinstance(argument, ast.Starred) for argument in before):
            return f"pos{position}", call.args[position]
    return "task-only", None


def _callee(facts: Facts, func: ast.expr) -> str:
    callee = dotted(func)
    if callee is None and isinstance(func, ast.Attribute):
        owner = " ".join(facts.source.fragment(func.value).split())
        callee = f"{owner if len(owner) <= _LONGEST_OWNER else '…'}.{func.attr}"
    return callee or "…"
