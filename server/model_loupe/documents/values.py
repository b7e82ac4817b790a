"""What string an expression is, as far as the text tells: one function a form, found in ``_FORMS``.

Values are followed through names, attributes, defaults and calls; each assumption on the way costs some
confidence.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from model_loupe.documents.facts import MODULE, Binding, access_path, dotted
from model_loupe.documents.resolve import Bound, Names, Place, place_of

_MAX_DEPTH = 24
# A name made of names made of names … would else be followed for ever.
_MAX_STEPS = 2000
_MAX_TEXT = 4096
_HALF = re.compile("[\ud800-\udfff]")

_ASSIGNED, _UNCERTAIN, _GUESSED, _EITHER = 0.95, 0.7, 0.6, 0.5


class Known(NamedTuple):
    """A string and how sure it is: 1.0 as written, less for each assumption made."""

    text: str
    confidence: float

    def less(self, certainty: float) -> Known:
        """The same under one more assumption."""
        return Known(self.text, self.confidence * certainty)


class Values:
    """Evaluates expressions of one document."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._steps = 0

    def of(self, expression: ast.expr, place: Place, depth: int = 0) -> Known | None:
        """The string that ``expression`` is at ``place``, or None."""
        self._steps = self._steps + 1 if depth else 0
        form = _FORMS.get(type(expression))
        if form is None or depth > _MAX_DEPTH or self._steps > _MAX_STEPS:
            return None
        known = form(self, expression, place, depth + 1)
        return known if known is None or len(known.text) <= _MAX_TEXT else None

    def bound(self, bound: Bound, depth: int = 0) -> Known | None:
        """The string that a binding gives its name."""
        binding, text = bound
        if binding.value is None:
            return None
        if not depth:
            self._steps = 0
        known = self.of(binding.value, place_of(text, binding.value_scope, binding.value), depth + 1)
        return known.less(_ASSIGNED if binding.certain else _UNCERTAIN) if known else None

    # Forms

    def constant(self, node: ast.Constant, place: Place, depth: int) -> Known | None:
        text = node.value
        # Half characters could not be shown, sent or looked for.
        if not isinstance(text, str) or (not text.isascii() and _HALF.search(text)):
            return None
        return Known(text, 1.0)

    def name(self, node: ast.Name, place: Place, depth: int) -> Known | None:
        certainty = 1.0
        for bound in self._names.candidates(node.id, place):
            known = self.bound(bound, depth) or self._argument(bound, depth)
            if known:
                return known.less(certainty)
            if bound.binding.certain or bound.binding.origin:
                return None
            certainty *= _UNCERTAIN
        return None

    def attribute(self, node: ast.Attribute, place: Place, depth: int) -> Known | None:
        path = access_path(node)
        if path is None:
            return None
        owner = path[: -len(node.attr) - 1]
        if owner in ("self", "cls"):
            return self._own_attribute(node.attr, place, depth)
        return (
            self._latest(self._names.candidates(path, place), depth)
            or self._of_object(owner, node.attr, place, depth)
            or self._argparse_default(node.attr, depth)
            or self._only_field(node.attr, depth)
        )

    def subscript(self, node: ast.Subscript, place: Place, depth: int) -> Known | None:
        path = access_path(node)
        if path is not None:
            known = self._latest(self._names.candidates(path, place), depth)
            if known:
                return known
        if not isinstance(node.slice, ast.Constant):
            return None
        container, where = node.value, place
        if isinstance(container, ast.Name):
            bound = next(iter(self._names.candidates(container.id, place)), None)
            if bound is None or bound.binding.value is None:
                return None
            container = bound.binding.value
            where = place_of(bound.text, bound.binding.value_scope, container)
        item = _item(container, node.slice.value)
        known = self.of(item, where, depth) if item is not None else None
        return known.less(_ASSIGNED) if known else None

    def f_string(self, node: ast.JoinedStr, place: Place, depth: int) -> Known | None:
        return self._joined(node.values, place, depth, "")

    def formatted(self, node: ast.FormattedValue, place: Place, depth: int) -> Known | None:
        plain = node.conversion in (-1, ord("s")) and node.format_spec is None
        return self.of(node.value, place, depth) if plain else None

    def operation(self, node: ast.BinOp, place: Place, depth: int) -> Known | None:
        if isinstance(node.op, ast.Add):
            return self._joined([node.left, node.right], place, depth, "")
        if isinstance(node.op, ast.Div):
            return self._joined([node.left, node.right], place, depth, "/")
        if isinstance(node.op, ast.Mod):
            parts = node.right.elts if isinstance(node.right, ast.Tuple) else [node.right]
            return self._filled(node.left, "%s", parts, place, depth)
        return None

    def either(self, node: ast.IfExp, place: Place, depth: int) -> Known | None:
        known = self.of(node.body, place, depth) or self.of(node.orelse, place, depth)
        return known.less(_EITHER) if known else None

    def first(self, node: ast.BoolOp, place: Place, depth: int) -> Known | None:
        for value in node.values if isinstance(node.op, ast.Or) else ():
            known = self.of(value, place, depth)
            if known:
                return known.less(_EITHER)
        return None

    def walrus(self, node: ast.NamedExpr, place: Place, depth: int) -> Known | None:
        return self.of(node.value, place, depth)

    def call(self, node: ast.Call, place: Place, depth: int) -> Known | None:
        if any(isinstance(argument, ast.Starred) for argument in node.args):
            return None
        name = dotted(node.func)
        last = node.func.attr if isinstance(node.func, ast.Attribute) else name
        if last == "join" and name is not None and name.endswith("path.join"):
            return self._joined(node.args, place, depth, "/")
        if last in _PATHS and node.args:
            return self._joined(node.args, place, depth, "/")
        if last in ("getenv", "get") and len(node.args) == 2 and name is not None:
            known = self.of(node.args[1], place, depth)
            return known.less(_GUESSED) if known and name.endswith(("environ.get", "getenv")) else None
        if last == "field":
            default = _keyword(node, "default")
            return self.of(default, place, depth) if default else None
        if isinstance(node.func, ast.Attribute):
            return self._method(node, node.func, place, depth)
        return None

    # What the forms are made of

    def _latest(self, candidates: Sequence[Bound], depth: int) -> Known | None:
        for bound in candidates:
            known = self.bound(bound, depth)
            if known or bound.binding.certain:
                return known
        return None

    def _joined(self, parts: Sequence[ast.expr], place: Place, depth: int, separator: str) -> Known | None:
        text, confidence = "", 1.0
        for part in parts:
            known = self.of(part, place, depth)
            if known is None:
                return None
            if separator and text:
                # As os.path.join and pathlib do: an absolute part begins anew.
                absolute = known.text.startswith("/")
                text = known.text if absolute else f"{text.rstrip('/')}{separator}{known.text}"
            else:
                text += known.text
            confidence *= known.confidence
            if len(text) > _MAX_TEXT:
                return None
        return Known(text, confidence)

    def _filled(
        self, template: ast.expr, mark: str, parts: Sequence[ast.expr], place: Place, depth: int
    ) -> Known | None:
        """``"a/%s" % x`` and ``"a/{}".format(x)``."""
        known = self.of(template, place, depth)
        if known is None or known.text.count(mark) != len(parts):
            return None
        text, confidence = known
        for part in parts:
            value = self.of(part, place, depth)
            if value is None:
                return None
            text = text.replace(mark, value.text.replace(mark, ""), 1)
            confidence *= value.confidence
        return Known(text, confidence) if not set(text) & set("%{}") else None

    def _method(self, node: ast.Call, func: ast.Attribute, place: Place, depth: int) -> Known | None:
        if func.attr == "format" and not node.keywords:
            return self._filled(func.value, "{}", node.args, place, depth)
        method = _STRING_METHODS.get(func.attr)
        if method is None or node.keywords:
            return None
        known = self.of(func.value, place, depth)
        arguments = [self.of(argument, place, depth) for argument in node.args]
        texts = [argument.text for argument in arguments if argument is not None]
        if known is None or len(texts) != len(arguments) or len(texts) not in method[1]:
            return None
        return Known(method[0](known.text, *texts), known.confidence)

    def _own_attribute(self, name: str, place: Place, depth: int) -> Known | None:
        scopes, scope = self._names.texts[place.text].scopes, place.scope
        while scope != MODULE:
            if scopes[scope].kind == "class":
                for bound in self._names.attributes(name, place.text, scope):
                    known = self.bound(bound, depth)
                    if known:
                        return known
                return None
            scope = scopes[scope].parent
        # Outside of a class in this text: a method that was cut out, or one added later.
        return self._latest(self._names.candidates(f"self.{name}", place), depth)

    def _of_object(self, owner: str, name: str, place: Place, depth: int) -> Known | None:
        """``args.output_dir`` after ``args = TrainingArguments(output_dir=…)``, or a class's attribute."""
        class_name: str | None = owner
        bound = next(iter(self._names.candidates(owner, place)), None)
        if bound is not None and isinstance(bound.binding.value, ast.Call):
            made = bound.binding.value
            given = _keyword(made, name)
            if given is not None:
                known = self.of(given, place_of(bound.text, bound.binding.value_scope, given), depth)
                return known.less(_ASSIGNED) if known else None
            class_name = dotted(made.func)
        for text, scope, found in self._names.classes():
            if found == class_name:
                return self._latest(self._names.attributes(name, text, scope), depth)
        return None

    def _argument(self, bound: Bound, depth: int) -> Known | None:
        """What the document's own calls of a function give for a parameter; the last call stands for all."""
        binding, text = bound
        scopes = self._names.texts[text].scopes
        function = scopes[binding.scope]
        if not _is_parameter(binding) or not function.name:
            return None
        in_class = scopes[function.parent].kind == "class"
        name = scopes[function.parent].name if function.name == "__init__" and in_class else function.name
        position = function.parameters.index(binding.name) if binding.name in function.parameters else -1
        skipped = 1 if in_class and function.parameters[:1] in (("self",), ("cls",)) else 0
        for number, site in self._names.calls(name):
            given = _keyword(site.node, binding.name)
            if given is None and skipped <= position < len(site.node.args) + skipped:
                given = site.node.args[position - skipped]
            if given is not None and not isinstance(given, ast.Starred):
                known = self.of(given, place_of(number, site.scope, given), depth + 1)
                if known:
                    return known.less(_GUESSED)
        return None

    def _argparse_default(self, name: str, depth: int) -> Known | None:
        """``args.model_id`` with ``add_argument("--model_id", default=…)`` or a click option of that name."""
        for number, site in self._names.calls("add_argument"):
            flags = [flag.value for flag in site.node.args if isinstance(flag, ast.Constant)]
            named = [flag.lstrip("-").replace("-", "_") for flag in flags if isinstance(flag, str)]
            destination = _keyword(site.node, "dest")
            if isinstance(destination, ast.Constant):
                named = [str(destination.value)]
            default = _keyword(site.node, "default")
            if name in named and default is not None:
                known = self.of(default, place_of(number, site.scope, default), depth)
                return known.less(_UNCERTAIN) if known else None
        return None

    def _only_field(self, name: str, depth: int) -> Known | None:
        """``anything.model_id`` where one class of the document declares such a field with a default."""
        found = [
            bound
            for text, scope, _ in self._names.classes()
            for bound in self._names.attributes(name, text, scope)
            if bound.binding.value_scope == scope
        ]
        known = self.bound(found[0], depth) if len(found) == 1 else None
        return known.less(_GUESSED) if known else None


def _is_parameter(binding: Binding) -> bool:
    return binding.target is None and binding.origin is None and not binding.certain


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def _item(container: ast.expr, key: object) -> ast.expr | None:
    if isinstance(container, ast.Dict):
        pairs = zip(container.keys, container.values, strict=True)
        found = [value for name, value in pairs if isinstance(name, ast.Constant) and name.value == key]
        return found[-1] if found else None
    if isinstance(container, ast.Call) and dotted(container.func) == "dict" and isinstance(key, str):
        return _keyword(container, key)
    if isinstance(container, (ast.List, ast.Tuple)) and isinstance(key, int):
        return container.elts[key] if 0 <= key < len(container.elts) else None
    return None


_PATHS = frozenset(["Path", "PurePath", "PosixPath", "str", "expanduser", "abspath", "as_posix", "fspath"])
# The methods that make one name of another, with the numbers of arguments that they are understood with.
_STRING_METHODS: dict[str, tuple[Callable[..., str], tuple[int, ...]]] = {
    "strip": (str.strip, (0, 1)),
    "rstrip": (str.rstrip, (0, 1)),
    "lstrip": (str.lstrip, (0, 1)),
    "lower": (str.lower, (0,)),
    "replace": (str.replace, (2,)),
    "removeprefix": (str.removeprefix, (1,)),
    "removesuffix": (str.removesuffix, (1,)),
}
_FORMS: dict[type[ast.expr], Callable[[Values, Any, Place, int], Known | None]] = {
    ast.Constant: Values.constant,
    ast.Name: Values.name,
    ast.Attribute: Values.attribute,
    ast.Subscript: Values.subscript,
    ast.JoinedStr: Values.f_string,
    ast.FormattedValue: Values.formatted,
    ast.BinOp: Values.operation,
    ast.IfExp: Values.either,
    ast.BoolOp: Values.first,
    ast.NamedExpr: Values.walrus,
    ast.Call: Values.call,
}
