"""Models and tokenizers that are used together: given to one function, or tokens given to the model."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

from model_loupe.documents.calls import Calls
from model_loupe.documents.facts import CallSite, given
from model_loupe.documents.names import kind_of
from model_loupe.documents.reference import Reference, Span
from model_loupe.documents.resolve import Bound, Key, Names, Place, end_of, key_of, place_of
from model_loupe.documents.trace import Traced

# Callables that take a model and its tokenizer: by keyword, else by position.
_PAIRING: dict[str, tuple[int | None, int | None]] = {"pipeline": (1, 3)}
_TRAINER = (0, None)
_TOKENIZER_KEYWORDS = ("tokenizer", "processing_class")
# Methods of a model that take tokens, and arguments that give them; None is ``**``.
_FORWARD = ("forward", "generate")
_TOKENS = (None, "input_ids", "inputs")
# Methods of a tokenizer that give tokens, and those of tokens that give the same elsewhere.
_TOKENIZING = ("apply_chat_template", "batch_encode_plus", "encode", "encode_plus")
_MOVING = ("to", "cuda", "cpu")
_IDS = "input_ids"
_RESIZING = "resize_token_embeddings"
_MOST_STEPS = 16
# Of a name that is given to the call through a few variables, and not by a default or in a branch.
_SURE = 0.8

Trace = Callable[[ast.expr, Place], "Traced | None"]


class Pair(NamedTuple):
    """A model and a tokenizer that are used together; ``span`` is where it, or what it made, is given."""

    model: Reference
    tokenizer: Reference
    cell: int | None
    span: Span


class Pairs:
    """Finds the pairs of one document."""

    def __init__(self, indexes: Sequence[int | None], names: Names, calls: Calls, trace: Trace) -> None:
        self._indexes = indexes
        self._names = names
        self._calls = calls
        self._trace = trace

    def all(self) -> Iterator[Pair]:
        """Those given to pipelines and trainers, and models with the tokens that they are called with.

        None where a model gets rows for other tokens: it is about to learn what they mean.
        """
        own = self._names.texts[: self._names.own]
        if any(_RESIZING in facts.calls for facts in own):
            return
        for number in range(self._names.own):
            for name, sites in self._names.texts[number].calls.items():
                find = self._given if name in _PAIRING or name.endswith("Trainer") else self._fed
                for site in sites:
                    pair = find(number, name, site)
                    if pair is not None:
                        yield pair

    def _given(self, number: int, name: str, site: CallSite) -> Pair | None:
        model_at, tokenizer_at = _PAIRING.get(name, _TRAINER)
        tokenizer = next(
            (node for key in _TOKENIZER_KEYWORDS if (node := given(site.node, key, tokenizer_at))), None
        )
        model = given(site.node, "model", model_at)
        if tokenizer is None or model is None:
            return None
        loaded, other = self._loaded(number, site, model), self._loaded(number, site, tokenizer)
        return self._pair(number, loaded, other, tokenizer)

    def _pair(
        self, number: int, model: Reference | None, tokenizer: Reference | None, node: ast.expr
    ) -> Pair | None:
        if model is None or tokenizer is None:
            return None
        return Pair(model, tokenizer, self._indexes[number], self._names.texts[number].source.span(node))

    def _loaded(self, number: int, site: CallSite, node: ast.expr) -> Reference | None:
        """The call that loads what ``node`` is; of a name, what would load it."""
        place = place_of(number, site.scope, node)
        traced = self._trace(node, place)
        if traced is not None:
            # A model that is made of a config alone has yet to learn what its ids mean.
            is_loaded = not traced.parts and traced.base is None and traced.reference.role != "config"
            return traced.reference if is_loaded else None
        text = self._calls.text_of(node, place)
        if text is None:
            return None
        span = self._names.texts[number].source.span(node)
        kind = kind_of(text, self._calls.written)
        return Reference(self._indexes[number], span, span, "", "", text, kind, 1.0, {}, "tokenizer")

    def _fed(self, number: int, name: str, site: CallSite) -> Pair | None:
        """``model(**tokenizer(text))``, ``model.generate(ids)``: where each name can have but one value."""
        call = site.node
        tokens = [keyword.value for keyword in call.keywords if keyword.arg in _TOKENS] + call.args[:1]
        owner = call.func
        if isinstance(owner, ast.Attribute) and name in _FORWARD:
            owner = owner.value
        if not tokens or not isinstance(owner, ast.Name):
            return None
        model = self._certain(owner, place_of(number, site.scope, owner), "model")
        if model is None:
            return None
        for node in tokens:
            tokenizer = self._tokenizer_of(node, place_of(number, site.scope, node))
            if tokenizer is not None:
                return self._pair(number, model, tokenizer, node)
        return None

    def _tokenizer_of(self, node: ast.expr, place: Place) -> Reference | None:
        """What loads the tokenizer that made ``node``."""
        for _ in range(_MOST_STEPS):
            match node:
                case ast.Name():
                    bound = self._only(node, place)
                    # Somebody else's tokens may have been put into it.
                    if bound is None or self._gets_others(node.id, place):
                        return None
                    node, place = _value(bound)
                case ast.Attribute(value=owner, attr="input_ids"):
                    node = owner
                case ast.Subscript(value=owner, slice=ast.Constant(value="input_ids")):
                    node = owner
                case ast.Call(func=ast.Attribute(value=owner, attr=name)) if name in _MOVING:
                    node = owner
                case ast.Call(func=ast.Attribute(value=owner, attr=name)) if name in _TOKENIZING:
                    return self._certain(owner, place, "tokenizer")
                case ast.Call(func=ast.Name() as owner):
                    return self._certain(owner, place, "tokenizer")
                case _:
                    return None
        return None

    def _gets_others(self, name: str, place: Place) -> bool:
        ids = self._names.candidates(f"{name}[{_IDS!r}]", place)
        return bool(ids) or self._names.texts[place.text].updates(name)

    def _certain(self, node: ast.expr, place: Place, kind: str) -> Reference | None:
        """What loads ``node``, if that is of this kind and no name on the way may mean another."""
        here, at = node, place
        for _ in range(_MOST_STEPS):
            match here:
                case ast.Name():
                    bound = self._only(here, at)
                    if bound is None:
                        return None
                    here, at = _value(bound)
                case ast.Call() if key_of(at.text, here) in self._loading:
                    traced = self._trace(node, place)
                    is_meant = traced is not None and traced[1:4] == (kind, (), None)
                    return traced.reference if traced and is_meant and _is_sure(traced.reference) else None
                case ast.Call(func=ast.Attribute(value=owner)):
                    here = owner
                case _:
                    return None
        return None

    def _only(self, name: ast.Name, place: Place) -> Bound | None:
        """The binding of a name that can have no other value."""
        found = self._names.candidates(name.id, place, later=False)
        if len(found) != 1 or found[0].binding.path or found[0].binding.value is None:
            return None
        if not found[0].binding.certain:
            return None
        # A function may be called when all else has run.
        last = self._names.candidates(name.id, end_of(self._names.own - 1))
        return found[0] if found[0].binding.scope == place.scope or last == found else None

    @cached_property
    def _loading(self) -> frozenset[Key]:
        return frozenset(self._calls.loading())


def _is_sure(reference: Reference) -> bool:
    return not reference.candidates and reference.confidence >= _SURE


def _value(bound: Bound) -> tuple[ast.expr, Place]:
    value = bound.binding.value
    assert value is not None
    return value, place_of(bound.text, bound.binding.value_scope, value)
