"""What string an expression is, as far as the text tells, and what else it may be.

Strings are made here; where they come from is followed in ``follow``. Each assumption on the way costs some
confidence.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from model_loupe.documents import strings
from model_loupe.documents.facts import Path, dotted
from model_loupe.documents.follow import ASSIGNED, Follower
from model_loupe.documents.resolve import Bound, Names, Place

_MAX_DEPTH = 24
# A name made of names made of names … would else be followed for ever.
_MAX_STEPS = 2000
_MOST_NESTED = 4
_MAX_TEXT = 4096
_MOST_OPTIONS = 32
_HALF = re.compile("[\ud800-\udfff]")
# One of several is less sure than the only one.
_ONE_OF_SEVERAL = 0.8


class Known(NamedTuple):
    """A string and how sure it is: 1.0 as written, less for each assumption made."""

    text: str
    confidence: float


Options = tuple[Known, ...]
"""What a value may be, each text once, the likeliest first; nothing where it is not known."""


class Values:
    """Evaluates expressions of one document."""

    def __init__(self, names: Names) -> None:
        self.follower = Follower(names, self._key)
        self._steps = 0
        # How many evaluations are under way, each for a key of the one before; 0 outside of any.
        self._nested = 0
        # What is being followed at the moment, outermost first.
        self._asked: set[tuple[int, Path]] = set()

    def of(self, node: ast.expr, place: Place) -> Options:
        """What string ``node`` may be at ``place``."""
        found = self._begin(node, place, (), 0)
        if type(node) is not ast.Constant:
            # An empty default stands for none.
            found = tuple(known for known in found if known.text)
        return _doubted(found)

    def item(self, node: ast.expr, place: Place, key: str) -> Options:
        """What string the dict ``node`` may hold under ``key``."""
        return _doubted(self._begin(node, place, (key,), 0))

    def bound(self, bound: Bound) -> Options:
        """What string a binding may give its name."""
        steps = self.follower.of_bound(bound, ())
        return _doubted(
            _together(_less(self._begin(*step[:2], step.path, 1), step.certainty) for step in steps)
        )

    def _begin(self, node: ast.expr, place: Place, path: Path, depth: int) -> Options:
        self._steps, self._nested = 0, 1
        try:
            return self._of(node, place, path, depth)
        finally:
            self._nested = 0

    def _of(self, node: ast.expr, place: Place, path: Path, depth: int) -> Options:
        self._steps += 1
        if depth > _MAX_DEPTH or self._steps > _MAX_STEPS:
            return ()
        if not path:
            form = _FORMS.get(type(node))
            found = form(self, node, place, depth) if form is not None else ()
            if found:
                return found
        question = (id(node), path)
        if question in self._asked:
            return ()  # what it is made of is made of it
        self._asked.add(question)
        try:
            return self._followed(node, place, path, depth)
        finally:
            self._asked.discard(question)

    def _followed(self, node: ast.expr, place: Place, path: Path, depth: int) -> Options:
        for group in self.follower.expand(node, place, path):
            if len(group) == 1:
                # The usual case, and at every keystroke for every reference: no need to put together.
                step = group[0]
                found = _less(self._of(step.node, step.place, step.path, depth + 1), step.certainty)
            else:
                found = _together(
                    _less(self._of(step.node, step.place, step.path, depth + 1), step.certainty)
                    for step in group
                )
            if found:
                return found
        return ()

    def _key(self, node: ast.expr, place: Place) -> str | None:
        if not self._nested:
            self._steps = 0
        elif self._nested > _MOST_NESTED:
            return None  # ``k = d[k]``
        self._nested += 1
        try:
            found = self._of(node, place, (), _MAX_DEPTH // 2)
        finally:
            self._nested -= 1
        return found[0].text if found else None

    # Forms

    def constant(self, node: ast.Constant, place: Place, depth: int) -> Options:
        text = node.value
        # Half characters could not be shown, sent or looked for.
        if not isinstance(text, str) or len(text) > _MAX_TEXT or (not text.isascii() and _HALF.search(text)):
            return ()
        return (Known(text, 1.0),)

    def name(self, node: ast.Name, place: Place, depth: int) -> Options:
        """Only the usual case, a name for a literal, which every keystroke asks for every reference."""
        candidates = self.follower.names.candidates(node.id, place)
        if candidates:
            binding = candidates[0].binding
            assigned = binding.certain and binding.target is not None and not binding.path
            if assigned and type(binding.value) is ast.Constant:
                return _less(self.constant(binding.value, place, depth), ASSIGNED)
        return ()

    def f_string(self, node: ast.JoinedStr, place: Place, depth: int) -> Options:
        return self._made("".join, node.values, place, depth)

    def formatted(self, node: ast.FormattedValue, place: Place, depth: int) -> Options:
        plain = node.conversion in (-1, ord("s")) and node.format_spec is None
        return self._of(node.value, place, (), depth + 1) if plain else ()

    def operation(self, node: ast.BinOp, place: Place, depth: int) -> Options:
        if isinstance(node.op, ast.Add):
            return self._made("".join, [node.left, node.right], place, depth)
        if isinstance(node.op, ast.Div):
            return self._made(strings.join_paths, [node.left, node.right], place, depth)
        if isinstance(node.op, ast.Mod):
            parts = node.right.elts if isinstance(node.right, ast.Tuple) else [node.right]
            return self._made(
                lambda texts: strings.fill_percent(texts[0], texts[1:]), [node.left, *parts], place, depth
            )
        return ()

    def subscript(self, node: ast.Subscript, place: Place, depth: int) -> Options:
        """``name.split("/")[-1]``"""
        index = node.slice.operand if isinstance(node.slice, ast.UnaryOp) else node.slice
        made = node.value
        if not isinstance(made, ast.Call) or not isinstance(made.func, ast.Attribute):
            return ()
        if made.func.attr not in strings.SPLITS or made.keywords or len(made.args) not in (0, 1, 2):
            return ()
        limit = made.args[1] if len(made.args) == 2 else ast.Constant(-1)
        number = index.value if isinstance(index, ast.Constant) else None
        if not isinstance(number, int) or not isinstance(limit, ast.Constant) or type(limit.value) is not int:
            return ()
        split, count = strings.SPLITS[made.func.attr], limit.value
        position = number if index is node.slice else -number
        parts = [made.func.value, *made.args[:1]]
        return self._made(lambda texts: strings.pick(split, texts, count, position), parts, place, depth)

    def call(self, node: ast.Call, place: Place, depth: int) -> Options:
        if any(isinstance(argument, ast.Starred) for argument in node.args):
            return ()
        name = dotted(node.func) or ""
        func = node.func
        if name.endswith("path.join") or (name.rpartition(".")[2] in strings.PATHS and node.args):
            return self._made(strings.join_paths, node.args, place, depth)
        if not isinstance(func, ast.Attribute):
            return ()
        if func.attr == "join" and len(node.args) == 1 and isinstance(node.args[0], (ast.List, ast.Tuple)):
            return self._made(
                lambda texts: texts[0].join(texts[1:]), [func.value, *node.args[0].elts], place, depth
            )
        if func.attr == "format":
            return self._format(func.value, node, place, depth)
        method = strings.METHODS.get(func.attr)
        if method is None or node.keywords or len(node.args) not in method[1]:
            return ()
        return self._made(lambda texts: method[0](*texts), [func.value, *node.args], place, depth)

    def _format(self, template: ast.expr, node: ast.Call, place: Place, depth: int) -> Options:
        names = [keyword.arg for keyword in node.keywords]
        count = len(node.args)

        def fill(texts: Sequence[str]) -> str | None:
            named = {name: text for name, text in zip(names, texts[1 + count :], strict=True) if name}
            return strings.fill_braces(texts[0], texts[1 : 1 + count], named)

        parts = [template, *node.args, *(keyword.value for keyword in node.keywords)]
        return self._made(fill, parts, place, depth)

    def _made(
        self,
        make: Callable[[Sequence[str]], str | None],
        parts: Sequence[ast.expr],
        place: Place,
        depth: int,
    ) -> Options:
        """What ``make`` makes of the parts, for every combination of what they may be."""
        combinations: list[tuple[list[str], float]] = [([], 1.0)]
        for part in parts:
            options = self._of(part, place, (), depth + 1)
            if not options:
                return ()
            combinations = [
                ([*texts, option.text], confidence * option.confidence)
                for texts, confidence in combinations
                for option in options[: max(1, _MOST_OPTIONS // len(combinations))]
            ]
            if sum(map(len, combinations[0][0])) > _MAX_TEXT:
                return ()
        made = ((make(texts), confidence) for texts, confidence in combinations)
        return _together(
            (Known(text, confidence),)
            for text, confidence in made
            if text is not None and len(text) <= _MAX_TEXT
        )


def _less(options: Options, certainty: float) -> Options:
    """The same under one more assumption."""
    if len(options) == 1:
        text, confidence = options[0]
        return (Known(text, confidence * certainty),)
    return tuple(Known(text, confidence * certainty) for text, confidence in options)


def _together(several: Iterable[Options]) -> Options:
    """One after the other, each text once."""
    found: dict[str, Known] = {}
    for options in several:
        for known in options:
            found.setdefault(known.text, known)
        if len(found) >= _MOST_OPTIONS:
            break
    return tuple(found.values())[:_MOST_OPTIONS]


def _doubted(options: Options) -> Options:
    return _less(options, _ONE_OF_SEVERAL) if len(options) > 1 else options


_FORMS: dict[type[ast.expr], Callable[[Values, Any, Place, int], Options]] = {
    ast.Constant: Values.constant,
    ast.Name: Values.name,
    ast.JoinedStr: Values.f_string,
    ast.FormattedValue: Values.formatted,
    ast.BinOp: Values.operation,
    ast.Subscript: Values.subscript,
    ast.Call: Values.call,
}
