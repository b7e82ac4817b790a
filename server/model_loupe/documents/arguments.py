"""Arguments of calls: the one under a cursor, and the one that is being typed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from model_loupe.documents.facts import MODULE, CallSite, Facts, dotted
from model_loupe.documents.objects import Objects, chain_before
from model_loupe.documents.reference import Reference, Span
from model_loupe.documents.resolve import Names, Place, place_of

# Comments and strings, of which none may end; brackets and commas.
_TOKENS = re.compile(
    r"""#[^\n]*|(?P<quote>\"\"\"|''').*?(?:(?P=quote)|\Z)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?|[()\[\]{},]""",
    re.DOTALL,
)
_KEYWORD = re.compile(r"\s*(\w+)\s*=(?!=)\s*")
_WORD = re.compile(r"\w*$")
_QUOTED = re.compile(r"""[rR]?(["'])((?:(?!\1)[^\\\n])*)$""")
# The class that has the methods of what calls load, by kind.
_OWNERS = {"model": "PreTrainedModel", "tokenizer": "PreTrainedTokenizerBase"}


class GivenArgument(NamedTuple):
    """An argument given by its name. ``callee`` is what is called, by the name of its origin.

    ``value`` is source text, ``beside`` are the call's other arguments given by name; where the value is what
    another call gives (``quantization_config=BitsAndBytesConfig(…)``, or a variable for it), ``inside`` are
    that call's. ``reference`` loads the model that the call is about, if there is one: the call itself, the
    one that it stands in, or the one that is given its result.
    """

    span: Span
    callee: str
    name: str
    value: str
    beside: dict[str, str]
    inside: dict[str, str]
    reference: Reference | None


class OpenCall(NamedTuple):
    """A call whose arguments are being typed: ``given`` are those before the cursor's, by name.

    The cursor stands in the value of ``name`` or, where that is None, in the argument at ``position``.
    ``word`` at ``span`` is what there is of it; ``quote`` the open quotation mark before it.
    """

    callee: str
    given: tuple[str, ...]
    position: int
    name: str | None
    word: str
    span: Span
    quote: str


class Arguments:
    """Answers for the places of one document."""

    def __init__(
        self,
        indexes: Sequence[int | None],
        names: Names,
        objects: Objects,
        references: Sequence[Reference],
    ) -> None:
        self._indexes = indexes
        self._names = names
        self._objects = objects
        self._references = references

    def at(self, cell: int | None, line: int, column: int) -> GivenArgument | None:
        """The keyword argument whose name a cursor before ``line``, ``column`` touches."""
        number = next((number for number, index in enumerate(self._indexes) if index == cell), None)
        if number is None:
            return None
        facts = self._names.texts[number]
        for site, keyword in _keywords_on(facts, line + 1):
            span = _name_span(facts, keyword)
            if not span.contains(line, column):
                continue
            place = place_of(number, site.scope, site.node)
            callee = self._callee(site.node.func, place)
            if callee is None:
                return None
            return GivenArgument(
                span,
                callee,
                str(keyword.arg),
                facts.source.fragment(keyword.value),
                _given(facts, site.node, keyword),
                self._inside(facts, keyword.value, place),
                self._reference(number, site),
            )
        return None

    def _inside(self, facts: Facts, value: ast.expr, place: Place) -> dict[str, str]:
        if isinstance(value, ast.Name):
            found = self._names.candidates(value.id, place, later=place.scope != MODULE)
            bound = found[0].binding.value if found else None
            if not isinstance(bound, ast.Call):
                return {}
            return _given(self._names.texts[found[0].text], bound)
        return _given(facts, value) if isinstance(value, ast.Call) else {}

    def open_at(self, cell: int | None, line: int, column: int) -> OpenCall | None:
        """The call in whose parentheses the cursor stands, also where the statement does not parse yet."""
        number = next((number for number, index in enumerate(self._indexes) if index == cell), None)
        lines = self._names.texts[number].source.lines() if number is not None else []
        if number is None or line >= len(lines):
            return None
        before = "\n".join([*lines[:line], lines[line][:column]])
        found = _innermost(before)
        chain = chain_before(before[: found[0]]) if found else ""
        try:
            func = ast.parse(chain, mode="eval").body if chain else None
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
        place = Place(number, MODULE, line + 1, len(lines[line][:column].encode()))
        callee = self._callee(func, place) if func else None
        return _open_call(callee, before, found[1], line, column) if found and callee else None

    def _callee(self, func: ast.expr, place: Place) -> str | None:
        """The name of what is called, as it is imported; of what a call loads that of its class' method."""
        callee = dotted(func)
        origin = self._origin(callee, place) if callee else None
        if origin is not None:
            return origin
        owner, method = (func.value, func.attr) if isinstance(func, ast.Attribute) else (func, "__call__")
        traced = self._objects.trace(owner, place)
        kind = _OWNERS.get(traced.kind) if traced and not traced.parts else None
        return f"transformers.{kind}.{method}" if kind else None

    def _origin(self, callee: str, place: Place) -> str | None:
        head, dot, rest = callee.partition(".")
        always = self._names.always_imported(head, place.text, place.scope)
        if always is not None:
            return f"{always}{dot}{rest}"
        candidates = self._names.candidates(head, place, later=place.scope != MODULE)
        origin = next((found.binding.origin for found in candidates if found.binding.origin), None)
        if origin is None and candidates:
            # ``cls = AutoModelForCausalLM``; anything else is an object.
            value = candidates[0].binding.value
            named = dotted(value) if value is not None and dot else None
            return self._origin(f"{named}{dot}{rest}", place) if named and named != head else None
        return f"{origin or head}{dot}{rest}"

    def _reference(self, number: int, site: CallSite) -> Reference | None:
        facts = self._names.texts[number]
        cell, span = self._indexes[number], facts.source.span(site.node)
        around = [each for each in self._references if each.cell == cell and _covers(each.call, span)]
        if around:
            return max(around, key=lambda each: each.call)
        given_to = _bound_name(facts, site.node)
        for each in self._references if given_to else ():
            if given_to in each.kwargs.values():
                return each
        used = [site, *(_calls_with(facts, given_to) if given_to else ())]
        return next((found for each in used if (found := self._model_of(number, each))), None)

    def _model_of(self, number: int, site: CallSite) -> Reference | None:
        """What a call is about: the object that it is a method of, or a model that it is given."""
        func = site.node.func
        owner = func.value if isinstance(func, ast.Attribute) else func
        for node in (owner, *site.node.args):
            traced = self._objects.trace(node, place_of(number, site.scope, site.node))
            if traced is not None:
                return traced.reference
        return None


def _keywords_on(facts: Facts, line: int) -> Iterator[tuple[CallSite, ast.keyword]]:
    for sites in facts.calls.values():
        for site in sites:
            if site.node.lineno <= line <= (site.node.end_lineno or 0):
                for keyword in site.node.keywords:
                    if keyword.arg is not None and keyword.lineno == line:
                        yield site, keyword


def _name_span(facts: Facts, keyword: ast.keyword) -> Span:
    start = facts.source.span(keyword)
    return Span(start.line, start.column, start.line, start.column + len(str(keyword.arg)))


def _given(facts: Facts, call: ast.Call, but: ast.keyword | None = None) -> dict[str, str]:
    return {
        each.arg: facts.source.fragment(each.value)
        for each in call.keywords
        if each.arg is not None and each is not but
    }


def _covers(outer: Span, inner: Span) -> bool:
    return outer[:2] <= inner[:2] and inner[2:] <= outer[2:]


def _bound_name(facts: Facts, node: ast.Call) -> str | None:
    """What a call's result is called: ``config`` in ``config = BitsAndBytesConfig(…)``."""
    for bindings in facts.bindings.values():
        for binding in bindings:
            if binding.value is node and binding.target is not None:
                return dotted(binding.target)
    return None


def _calls_with(facts: Facts, name: str) -> Iterator[CallSite]:
    """The calls that are given a variable: ``get_peft_model(model, config)``."""
    for sites in facts.calls.values():
        for site in sites:
            values = (*site.node.args, *(keyword.value for keyword in site.node.keywords))
            if any(dotted(value) == name for value in values):
                yield site


def _innermost(before: str) -> tuple[int, list[int]] | None:
    """The last parenthesis that is open at the end of a text, and where each argument in it begins."""
    open_: list[tuple[int, list[int]]] = []
    for match in _TOKENS.finditer(before):
        token = match.group()
        if token in ("(", "[", "{"):
            open_.append((match.start(), [match.end()]))
        elif token in (")", "]", "}"):
            if open_:
                open_.pop()
        elif token == "," and open_:
            open_[-1][1].append(match.end())
        elif token.startswith("#") and match.end() == len(before):
            return None
    return open_[-1] if open_ and before[open_[-1][0]] == "(" else None


def _open_call(callee: str, before: str, starts: list[int], line: int, column: int) -> OpenCall:
    ends = [start - 1 for start in starts[1:]]
    parts = [before[start:end] for start, end in zip(starts, ends, strict=False)]
    given = tuple(match.group(1) for part in parts if (match := _KEYWORD.match(part)))
    current = before[starts[-1] :]
    keyword = _KEYWORD.match(current)
    value = current[keyword.end() :] if keyword else current
    quoted = _QUOTED.search(value)
    word = quoted.group(2) if quoted else _match_word(value)
    return OpenCall(
        callee,
        given,
        len(starts) - 1,
        keyword.group(1) if keyword else None,
        word,
        Span(line, column - len(word), line, column),
        quoted.group(1) if quoted else "",
    )


def _match_word(value: str) -> str:
    found = _WORD.search(value)
    return found.group() if found else ""
