"""The calls of a document that name a model."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from operator import attrgetter
from typing import NamedTuple

from model_loupe.documents import apis, unpacked
from model_loupe.documents.facts import MODULE, CallSite, Facts, Use, access_path, dotted, given
from model_loupe.documents.names import kind_of, written_place
from model_loupe.documents.reference import Reference
from model_loupe.documents.resolve import Key, Names, Place, key_of, place_of
from model_loupe.documents.values import Options, Values

_LONGEST_OWNER = 80
# Of an argument that may as well be the model itself: a variable that holds a name says so.
_NAME_LIKE = re.compile(r"(?i)(?:name|path|ckpt|checkpoint|(?:model|repo|hub|^)_?id)s?$")
_OUTPUT_PLACE = re.compile(r"(?:^|[._])(?:output_dir|save_dir|save_directory|save_path)$")


class _Parts:
    """What the text alone says of a loading call: which argument names the model, the ranges, the rest."""

    __slots__ = (
        "api",
        "argument",
        "call",
        "callee",
        "expression",
        "items",
        "kwargs",
        "last",
        "no_model",
        "own",
        "span",
        "task",
        "unpacked",
    )

    def __init__(self, facts: Facts, node: ast.Call, api: apis.Api) -> None:
        keywords = {given.arg: given.value for given in node.keywords if given.arg is not None}
        self.api = api
        self.last: tuple[Options, Reference] | None = None
        # What the model's name may be, where the call's own text alone decides that.
        self.own: Options | None = None
        self.argument, self.expression = _argument(node, api, keywords)
        self.items: tuple[str, ...] = () if api.item is None else (api.item,)
        self.unpacked = [given.value for given in node.keywords if given.arg is None]
        starred = any(isinstance(given, ast.Starred) for given in node.args)
        if self.expression is None and self.unpacked and not starred:
            self.argument, self.expression, self.items = "**", self.unpacked[0], api.keywords
        self.callee = _callee(facts, node.func)
        self.call = facts.source.span(node)
        self.span = facts.source.span(self.expression) if self.expression is not None else self.call
        self.kwargs = {
            name: facts.source.fragment(value)
            for name, value in keywords.items()
            if value is not self.expression
        }
        self.task = _task(node) if api.role == "pipeline" else None
        self.no_model = self.kwargs.get("repo_type", "").strip("'\"") in ("dataset", "space")


class Called(NamedTuple):
    """What a call calls: a dotted name; whether an import says so; whether it is a method of an object."""

    name: str
    imported: bool
    object_: bool


class _Extract(NamedTuple):
    """Of one text's facts, what can load a model (by its own name), what is written to or renamed."""

    loading: list[CallSite]
    written: list[Use]
    renamed: tuple[str, ...]


def _extract(facts: Facts) -> _Extract:
    found = facts.remembered
    if not isinstance(found, _Extract):
        names = apis.CALLABLES.intersection(facts.calls)
        loading = [site for name in names for site in facts.calls[name]]
        found = facts.remembered = _Extract(
            loading,
            [*facts.writes, *_written_by_calls(facts)],
            tuple(
                local
                for local, name in facts.aliases.items()
                if name in apis.CALLABLES and local not in apis.CALLABLES
            ),
        )
    return found


def _written_by_calls(facts: Facts) -> list[Use]:
    found: list[Use] = []
    for name, (position, named) in apis.WRITING_CALLS.items():
        for site in facts.calls.get(name, ()):
            place = given(site.node, named, position)
            if place is not None:
                found.append(Use(place, site.scope))
    for use in facts.dicts:
        if isinstance(use.node, ast.Dict):
            for key, value in zip(use.node.keys, use.node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value in apis.WRITING_KEYWORDS:
                    found.append(Use(value, use.scope))
    return found


class Calls:
    """Finds the references of one document's calls; ``found`` are they, with their text and call."""

    def __init__(self, indexes: Sequence[int | None], names: Names, values: Values) -> None:
        self._indexes = indexes
        self._names = names
        self._values = values
        self.found: list[tuple[int, CallSite, Reference]] = []
        self._extracts = [_extract(facts) for facts in names.texts]
        self.written, self._written_by_name = self._written_places()

    def loading(self) -> dict[Key, Reference]:
        """The references that are calls, by where they stand; to be asked when all were found."""
        return {key_of(number, site.node): reference for number, site, reference in self.found}

    def by_text(self) -> list[list[Reference]]:
        """The references of each of the document's own texts, in order."""
        aliases = self._aliases()
        found: list[list[Reference]] = []
        for number in range(self._names.own):
            facts = self._names.texts[number]
            sites = self._extracts[number].loading
            if aliases and not aliases.isdisjoint(facts.calls):
                sites = sites + [site for name in aliases for site in facts.calls.get(name, ())]
            found.append(self._of_sites(number, facts, sites) if sites else [])
        return found

    def _of_sites(self, number: int, facts: Facts, sites: Sequence[CallSite]) -> list[Reference]:
        found: list[Reference] = []
        for site in sites:
            reference = self._reference(number, facts, site)
            if reference is not None:
                found.append(reference)
                self.found.append((number, site, reference))
        if len(found) > 1:
            found.sort(key=attrgetter("call"))
        return found

    def _aliases(self) -> set[str]:
        """The other names that imports of the document give to what is in the tables."""
        return {
            local
            for extract in self._extracts[: self._names.own]
            if extract.renamed
            for local in extract.renamed
        }

    def _reference(self, number: int, facts: Facts, site: CallSite) -> Reference | None:
        api = self._api(number, site)
        if api is None:
            return None
        parts = site.remembered
        if not isinstance(parts, _Parts) or parts.api is not api:
            parts = site.remembered = _Parts(facts, site.node, api)
        if parts.no_model:
            return None
        options = self._options(number, site, parts)
        if not options and not _may_stay_unknown(parts):
            return None
        if api.weights and not options[0].text.lower().endswith(apis.WEIGHTS):
            return None
        index = self._indexes[number]
        kind = kind_of(options[0].text, self.written) if options else self._unknown_kind(parts.expression)
        kwargs = self._kwargs(number, site, parts)
        last = parts.last
        if (
            last is not None
            and last[0] == options
            and last[1].kind == kind
            and last[1].cell == index
            and (kwargs is parts.kwargs or last[1].kwargs == kwargs)
        ):
            return last[1]  # nearly all, after a keystroke
        reference = Reference(
            index,
            parts.span,
            parts.call,
            parts.callee,
            parts.argument,
            options[0].text if options else None,
            kind,
            round(options[0].confidence, 3) if options else 0.0,
            kwargs,
            api.role,
            tuple(option.text for option in options) if len(options) > 1 else (),
            parts.task,
        )
        parts.last = (options, reference)
        return reference

    def _options(self, number: int, site: CallSite, parts: _Parts) -> Options:
        if parts.expression is None:
            return ()
        if parts.own is not None:
            return parts.own
        place = place_of(number, site.scope, parts.expression)
        if not parts.items:
            options = self._values.of(parts.expression, place)
            if _is_said_in(self._names.texts[number], site, parts.expression):
                parts.own = options
            return options
        found = (self._values.item(parts.expression, place, name) for name in parts.items)
        return next((options for options in found if options), ())

    def _kwargs(self, number: int, site: CallSite, parts: _Parts) -> dict[str, str]:
        """The other arguments; those of ``**settings`` too where the text says what these are."""
        if not parts.unpacked:
            return parts.kwargs
        kwargs: dict[str, str] = {}
        for node in parts.unpacked:
            found = unpacked.items(self._names, number, site.scope, node)
            if node is parts.expression:
                # It names the model as well.
                found = {name: value for name, value in found.items() if name not in parts.api.keywords}
            kwargs |= found
        return kwargs | parts.kwargs

    def text_of(self, node: ast.expr, place: Place) -> str | None:
        """The string that an expression is, where the text says so."""
        return self._values.follower.text_of(node, place)

    def called(self, number: int, site: CallSite) -> Called | None:
        """What a call calls, as far as imports and assignments tell; None for an object of the document."""
        func = site.node.func
        callee = site.callee
        if callee is None:
            # ``CLASSES[name].from_pretrained(x)``, ``type(self).from_pretrained(x)``
            method = func.attr if isinstance(func, ast.Attribute) else ""
            return Called(f"?.{method}", False, True)
        head, dot, rest = callee.partition(".")
        always = self._names.always_imported(head, number, site.scope)
        if always is not None:
            return Called(f"{always}{dot}{rest}", True, False)
        place = place_of(number, site.scope, func)
        # A function may call what the module binds below it; the module itself may not.
        candidates = self._names.candidates(head, place, later=site.scope != MODULE)
        # In ``try: from x import y; except ImportError: y = None`` the import is what is meant.
        origin = next((found.binding.origin for found in candidates if found.binding.origin), None)
        if origin is not None:
            return Called(f"{origin}{dot}{rest}", True, False)
        if candidates and not dot:
            # ``pipeline(…)`` after ``pipeline = …``: a call of the object, or of a function of their own.
            return None
        value = candidates[0].binding.value if candidates else None
        if dot and value is not None:
            # ``cls = AutoTokenizer`` and then ``cls.from_pretrained(x)``.
            callee = f"{dotted(value) or head}{dot}{rest}"
        return Called(callee, False, bool(candidates) or head in ("self", "cls"))

    def _api(self, number: int, site: CallSite) -> apis.Api | None:
        """The table's entry for what a call calls."""
        called = self.called(number, site)
        return apis.find(*called) if called is not None else None

    def _written_places(self) -> tuple[frozenset[str], frozenset[str]]:
        """The places that the document writes to, and the variables that hold those which are not known."""
        found: set[str] = set()
        unknown: set[str] = set()
        for number, extract in enumerate(self._extracts):
            for expression, scope in extract.written:
                options = self._values.of(expression, place_of(number, scope, expression))
                found.update(written_place(option.text) for option in options)
                path = access_path(expression) if not options else None
                if path is not None:
                    unknown.add(path)
        return frozenset(found - {""}), frozenset(unknown)

    def _unknown_kind(self, expression: ast.expr | None) -> str:
        path = access_path(expression) if expression is not None else None
        is_written = path is not None and (path in self._written_by_name or _OUTPUT_PLACE.search(path))
        return "written_here" if is_written else "unknown"


def _is_said_in(facts: Facts, site: CallSite, expression: ast.expr) -> bool:
    """Whether a text alone says what an argument is: a literal, or a name that it gives one just before.

    No other cell has a say in that, so that it need not be asked again after a keystroke in one.
    """
    if isinstance(expression, ast.Constant):
        return True
    if not isinstance(expression, ast.Name) or site.scope != MODULE:
        return False
    here = (expression.lineno, expression.col_offset)
    before = [found for found in facts.bindings.get((MODULE, expression.id), ()) if found.position <= here]
    if not before:
        return False
    last = before[-1]
    is_plain = last.certain and last.target is not None and not last.path
    return is_plain and isinstance(last.value, ast.Constant) and isinstance(last.value.value, str)


def _argument(call: ast.Call, api: apis.Api, keywords: dict[str, ast.expr]) -> tuple[str, ast.expr | None]:
    for name in api.keywords:
        if name in keywords:
            return name, keywords[name]
    position = api.position
    if position is not None and len(call.args) > position:
        before = call.args[: position + 1]
        if not any(isinstance(argument, ast.Starred) for argument in before):
            return f"pos{position}", call.args[position]
    return "task-only" if api.role == "pipeline" else "none", None


def _task(call: ast.Call) -> str | None:
    task = given(call, "task", 0)
    return task.value if isinstance(task, ast.Constant) and isinstance(task.value, str) else None


def _may_stay_unknown(parts: _Parts) -> bool:
    """Whether a call whose model is not known is a reference all the same."""
    if parts.expression is None:
        return parts.api.optional
    if parts.api.weights:
        return False
    if not parts.api.needs_text:
        return True
    path = access_path(parts.expression)
    return path is not None and _NAME_LIKE.search(path.rstrip("']")) is not None


def _callee(facts: Facts, func: ast.expr) -> str:
    callee = dotted(func)
    if callee is None and isinstance(func, ast.Attribute):
        owner = " ".join(facts.source.fragment(func.value).split())
        callee = f"{owner if len(owner) <= _LONGEST_OWNER else '…'}.{func.attr}"
    return callee or "…"
