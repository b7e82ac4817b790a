"""Where an expression's value comes from: one step back through names, attributes, items and calls.

A step leads to an expression and the *path* from its value to the part that is asked for:
``cfg["model"].name`` is ``cfg`` with the path ``("model", Field("name"))``. Whoever asks follows step after
step, up to something that it understands: a string (``values``) or a loading call (``objects``).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from model_loupe.documents import containers, defaults
from model_loupe.documents.facts import ANY, EACH, MODULE, Field, Path, access_path, dotted, keyword
from model_loupe.documents.resolve import Bound, Names, Place, end_of, place_of
from model_loupe.documents.steps import Group, Step

ASSIGNED, UNCERTAIN, GUESSED, EITHER, ANY_OF = 0.95, 0.7, 0.6, 0.5, 0.5
_MOST_FIELDS = 4


class Follower:
    """Steps through one document. ``text_of`` says what string an expression is, for keys."""

    def __init__(self, names: Names, text_of: Callable[[ast.expr, Place], str | None]) -> None:
        self.names = names
        self.text_of = text_of

    def expand(self, node: ast.expr, place: Place, path: Path) -> Iterator[Group]:
        """The groups of steps from an expression, the likeliest first."""
        form = _FORMS.get(type(node))
        return form(self, node, place, path) if form is not None else iter(())

    def of_bound(self, bound: Bound, path: Path, depth: int = 0) -> list[Step]:
        """The steps from what a binding binds."""
        binding, text = bound
        if binding.value is not None:
            certainty = ASSIGNED if binding.certain else UNCERTAIN
            where = place_of(text, binding.value_scope, binding.value)
            found = [Step(binding.value, where, certainty, binding.path + path)]
            return found if binding.target is not None else found + self._arguments(bound, path)
        if binding.origin is not None:
            return self._of_import(bound, binding.origin, path, depth)
        found = self._arguments(bound, path)
        if not found and path and isinstance(path[0], Field):
            # ``CFG.model``: the class itself as a box for names.
            for where_text, scope in self.names.definitions(binding.name, "class"):
                found = self._fields(where_text, scope, path[0].name, path[1:])
                if found:
                    break
        return found

    # Forms

    def name(self, node: ast.Name, place: Place, path: Path) -> Iterator[Group]:
        candidates = self.names.candidates(node.id, place)
        group = self._of_candidates(candidates, path)
        if group:
            yield group
        if candidates:
            yield from defaults.of_parameter(self.names, candidates[0], path)

    def attribute(self, node: ast.Attribute, place: Place, path: Path) -> Iterator[Group]:
        owner = dotted(node.value)
        if owner in ("self", "cls"):
            yield self._own(node.attr, place, path)
            yield self._of_subclasses(node.attr, place, path)
        elif owner is not None:
            yield self._of_candidates(self.names.candidates(f"{owner}.{node.attr}", place), path)
        if owner != "self":
            yield [Step(node.value, place, 1.0, (Field(node.attr), *path))]
        yield from defaults.of_option(self.names, node.attr, path)
        if not path:
            yield self._only_field(node.attr)
        if node.attr == "value":
            # Of an enumeration's member.
            yield [Step(node.value, place, ASSIGNED, path)]

    def subscript(self, node: ast.Subscript, place: Place, path: Path) -> Iterator[Group]:
        name = access_path(node)
        if name is not None:
            yield self._of_candidates(self.names.candidates(name, place), path)
        index = node.slice
        if isinstance(index, ast.Slice):
            yield [Step(node.value, place, ASSIGNED, path)]
            return
        key: object = index.value if isinstance(index, ast.Constant) else None
        if isinstance(index, ast.UnaryOp) and isinstance(index.operand, ast.Constant):
            operand = index.operand.value
            key = -operand if isinstance(index.op, ast.USub) and isinstance(operand, int) else None
        if key is None:
            key = self.text_of(index, place)
        if key is not None:
            yield [Step(node.value, place, ASSIGNED, (key, *path))]
        else:
            yield [Step(node.value, place, ANY_OF, (ANY, *path))]

    def either(self, node: ast.IfExp, place: Place, path: Path) -> Iterator[Group]:
        yield [Step(node.body, place, EITHER, path), Step(node.orelse, place, EITHER, path)]

    def first(self, node: ast.BoolOp, place: Place, path: Path) -> Iterator[Group]:
        values = node.values if isinstance(node.op, ast.Or) else node.values[-1:]
        yield [Step(value, place, EITHER, path) for value in values]

    def inner(self, node: Any, place: Place, path: Path) -> Iterator[Group]:
        """``(n := x)``, ``await x``."""
        yield [Step(node.value, place, 1.0, path)]

    def elements(self, node: ast.List | ast.Tuple | ast.Set, place: Place, path: Path) -> Iterator[Group]:
        if not path:
            return
        head, rest = path[0], path[1:]
        if head is EACH or head is ANY:
            # The last stands for all, as the last turn of a loop does.
            yield [Step(element, place, ANY_OF, rest) for element in reversed(node.elts)]
        elif isinstance(head, int) and -len(node.elts) <= head < len(node.elts):
            yield [Step(node.elts[head], place, 1.0, rest)]

    def items(self, node: ast.Dict, place: Place, path: Path) -> Iterator[Group]:
        if not path:
            return
        head, rest = path[0], path[1:]
        pairs = list(zip(node.keys, node.values, strict=True))
        if head is EACH:
            yield [Step(key, place, ANY_OF, rest) for key, _ in reversed(pairs) if key is not None]
        elif head is ANY:
            yield [Step(value, place, ANY_OF, rest) for key, value in reversed(pairs) if key is not None]
        else:
            wanted = head.name if isinstance(head, Field) else head
            for key, value in reversed(pairs):
                if key is None:
                    yield [Step(value, place, ASSIGNED, path)]
                elif isinstance(key, ast.Constant) and key.value == wanted:
                    yield [Step(value, place, 1.0, rest)]

    def comprehension(self, node: Any, place: Place, path: Path) -> Iterator[Group]:
        """``[f"org/{size}" for size in sizes]``: the element stands for each."""
        inner = self.names.texts[place.text].comprehensions.get((node.lineno, node.col_offset))
        if not path or inner is None:
            return
        if not isinstance(node, ast.DictComp):
            element = node.elt
        else:
            element = node.key if path[0] is EACH else node.value
        yield [Step(element, place_of(place.text, inner, element), ANY_OF, path[1:])]

    def sum(self, node: ast.BinOp, place: Place, path: Path) -> Iterator[Group]:
        """Lists that are joined, dicts that are merged."""
        if path and isinstance(node.op, (ast.Add, ast.BitOr)):
            yield [Step(node.right, place, 1.0, path), Step(node.left, place, 1.0, path)]

    def call(self, node: ast.Call, place: Place, path: Path) -> Iterator[Group]:
        name = dotted(node.func)
        last = node.func.attr if isinstance(node.func, ast.Attribute) else name
        if last is None:
            return
        for part, rest in containers.within(node, last, path):
            yield [Step(part, place, 1.0, rest)]
        for default, certainty in defaults.of_call(node, name or last):
            yield [Step(default, place, certainty, path)]
        if last in ("get", "pop", "setdefault", "getattr"):
            yield from self._looked_up(node, last, place, path)
        if path and isinstance(path[0], (Field, str)):
            yield from self._made(node, path[0].name if isinstance(path[0], Field) else path[0], place, path)
        if last == "parse_args" and path and isinstance(path[0], Field):
            yield from defaults.of_option(self.names, path[0].name, path[1:])
        self._read_module_of(name or last, place)
        yield self._returned(node, last, place, path)

    # What the forms are made of

    def _of_candidates(self, candidates: Sequence[Bound], path: Path) -> list[Step]:
        if len(candidates) == 1:
            return self.of_bound(candidates[0], path)
        steps: list[Step] = []
        certainty = 1.0
        for bound in candidates:
            steps += [
                step._replace(certainty=step.certainty * certainty) for step in self.of_bound(bound, path)
            ]
            certainty *= UNCERTAIN
        return steps

    def _of_import(self, bound: Bound, origin: str, path: Path, depth: int) -> list[Step]:
        if depth > _MOST_FIELDS:
            return []
        found = self.names.imported(origin, bound.text)
        rest = path
        if not found and path and isinstance(path[0], Field):
            # ``import config`` and then ``config.MODEL``.
            number = self.names.module(origin, bound.text)
            rest = path[1:]
            if number is None:
                return self._of_import(bound, f"{origin}.{path[0].name}", rest, depth + 1)
            found = self.names.candidates(path[0].name, end_of(number))
        steps = [step for inner in found for step in self.of_bound(inner, rest, depth + 1)]
        return [step._replace(certainty=step.certainty * ASSIGNED) for step in steps]

    def _own(self, name: str, place: Place, path: Path) -> list[Step]:
        """``self.name``, and ``self.hparams.name`` of a LightningModule."""
        scopes, scope = self.names.texts[place.text].scopes, place.scope
        while scope != MODULE:
            if scopes[scope].kind == "class":
                found = self._fields(place.text, scope, name, path)
                if not found and name == "hparams" and path and isinstance(path[0], Field):
                    found = self._parameter_of_init(place.text, scope, path[0].name, path[1:])
                return found
            scope = scopes[scope].parent
        # Outside of a class in this text: a method that was cut out, or one added later.
        return self._of_candidates(self.names.candidates(f"self.{name}", place), path)

    def _of_subclasses(self, name: str, place: Place, path: Path) -> list[Step]:
        """What the classes made from the one around ``place`` set: a base's methods are called on them."""
        scopes, scope = self.names.texts[place.text].scopes, place.scope
        while scope != MODULE and scopes[scope].kind != "class":
            scope = scopes[scope].parent
        return [
            step
            for text, found in (self.names.classes() if scope != MODULE else ())
            if any(
                base.rpartition(".")[2] == scopes[scope].name
                for base in self.names.texts[text].scopes[found].bases
            )
            for step in self._of_candidates(self.names.attributes(name, text, found), path)
        ]

    def _fields(self, text: int, scope: int, name: str, path: Path, depth: int = 0) -> list[Step]:
        """What a class, or else a base of it, binds to an attribute, or returns from a property."""
        found = self._of_candidates(self.names.attributes(name, text, scope), path)
        scopes = self.names.texts[text].scopes
        for where, inner in self.names.definitions(name, "function") if not found else ():
            if where == text and scopes[inner].parent == scope:
                found += self._returns(text, inner, path)
        for base in scopes[scope].bases if not found and depth < _MOST_FIELDS else ():
            self._read_module_of(base, end_of(text))
            for base_text, base_scope in self.names.definitions(base.rpartition(".")[2], "class"):
                if (base_text, base_scope) != (text, scope):
                    found += self._fields(base_text, base_scope, name, path, depth + 1)
        return found

    def _parameter_of_init(self, text: int, class_scope: int, name: str, path: Path) -> list[Step]:
        scopes = self.names.texts[text].scopes
        for where, scope in self.names.definitions("__init__", "function"):
            if where == text and scopes[scope].parent == class_scope:
                return self._of_candidates(self.names.attributes(name, text, scope), path)
        return []

    def _only_field(self, name: str) -> list[Step]:
        """``anything.model_id`` where few classes of the document declare such a field with a default."""
        found = [
            bound
            for text, scope in self.names.classes()
            for bound in self.names.attributes(name, text, scope)
            if bound.binding.value_scope == scope
        ]
        return [
            step._replace(certainty=step.certainty * GUESSED)
            for bound in (found if len(found) <= _MOST_FIELDS else ())
            for step in self.of_bound(bound, ())
        ]

    def _looked_up(self, node: ast.Call, last: str, place: Place, path: Path) -> Iterator[Group]:
        """``d.get(key, default)``, ``getattr(x, "name", default)``."""
        if last == "getattr" and len(node.args) >= 2:
            name = self.text_of(node.args[1], place)
            if name is not None:
                yield [Step(node.args[0], place, ASSIGNED, (Field(name), *path))]
                yield from defaults.of_option(self.names, name, path)
            default = node.args[2] if len(node.args) > 2 else None
        elif isinstance(node.func, ast.Attribute) and node.args:
            key = self.text_of(node.args[0], place)
            owner = dotted(node.func.value)
            if owner is not None and key is not None:
                yield self._of_candidates(self.names.candidates(f"{owner}[{key!r}]", place), path)
            yield [Step(node.func.value, place, ASSIGNED, (key if key is not None else ANY, *path))]
            default = node.args[1] if len(node.args) > 1 else keyword(node, "default")
        else:
            return
        if default is not None:
            yield [Step(default, place, GUESSED, path)]

    def _made(self, node: ast.Call, name: str, place: Place, path: Path) -> Iterator[Group]:
        """A field of an object, or an item of a dict, given where it was made, or by its class."""
        given = keyword(node, name)
        if given is not None:
            yield [Step(given, place, ASSIGNED, path[1:])]
        for unpacked in node.keywords:
            if unpacked.arg is None:
                yield [Step(unpacked.value, place, ASSIGNED, (name, *path[1:]))]
        callee = dotted(node.func)
        if callee is not None and isinstance(path[0], Field):
            self._read_module_of(callee, place)
            for text, scope in self.names.definitions(callee.rpartition(".")[2], "class"):
                fields = self.names.texts[text].scopes[scope].parameters
                position = fields.index(name) if name in fields else len(node.args)
                if position < len(node.args):
                    yield [Step(node.args[position], place, ASSIGNED, path[1:])]
                yield self._fields(text, scope, name, path[1:])
        if len(node.args) == 1 and not isinstance(node.args[0], ast.Starred):
            # ``edict({...})``, ``OmegaConf.create(settings)``, ``vars(args)``, ``asdict(config)``
            yield [Step(node.args[0], place, ASSIGNED, path)]
            yield [Step(node.args[0], place, ASSIGNED, (Field(name), *path[1:]))]

    def _read_module_of(self, name: str, place: Place) -> None:
        """Has the module read that ``name`` is imported from, so that its definitions are known."""
        for bound in self.names.candidates(name.partition(".")[0], place):
            if bound.binding.origin is not None:
                self.names.imported(bound.binding.origin, bound.text)

    def _returned(self, node: ast.Call, name: str, place: Place, path: Path) -> list[Step]:
        """What the document's functions of that name return, or its methods where an object's is called."""
        of_object = isinstance(node.func, ast.Attribute) and not self._is_module(node.func.value, place)
        return [
            step
            for text, scope in self.names.definitions(name, "function")
            if of_object == self._is_method(text, scope)
            for step in self._returns(text, scope, path)
        ]

    def _is_method(self, text: int, scope: int) -> bool:
        scopes = self.names.texts[text].scopes
        return scopes[scopes[scope].parent].kind == "class"

    def _is_module(self, owner: ast.expr, place: Place) -> bool:
        head = (dotted(owner) or "").partition(".")[0]
        return any(bound.binding.origin for bound in self.names.candidates(head, place))

    def _returns(self, text: int, scope: int, path: Path) -> list[Step]:
        found = self.names.texts[text].returns.get(scope, ())
        return [Step(node, place_of(text, scope, node), ASSIGNED, path) for node in found]

    def _arguments(self, bound: Bound, path: Path) -> list[Step]:
        """What the document's own calls of a function give for a parameter, the last call first."""
        binding, text = bound
        scopes = self.names.texts[text].scopes
        function = scopes[binding.scope]
        if binding.target is not None or binding.certain or not function.name or function.kind != "function":
            return []
        in_class = scopes[function.parent].kind == "class"
        name = scopes[function.parent].name if function.name == "__init__" and in_class else function.name
        position = function.parameters.index(binding.name) if binding.name in function.parameters else -1
        skipped = 1 if in_class and function.parameters[:1] in (("self",), ("cls",)) else 0
        steps: list[Step] = []
        for number, site in self.names.calls(name):
            given = keyword(site.node, binding.name)
            rest = path
            if given is None and skipped <= position < len(site.node.args) + skipped:
                before = site.node.args[: position - skipped + 1]
                if not any(isinstance(argument, ast.Starred) for argument in before):
                    given = before[-1]
            if given is None:
                given = next(
                    (unpacked.value for unpacked in site.node.keywords if unpacked.arg is None), None
                )
                rest = (binding.name, *path)
            if given is not None:
                steps.append(Step(given, place_of(number, site.scope, given), GUESSED, rest))
        return steps


_FORMS: dict[type[ast.expr], Callable[[Follower, Any, Place, Path], Iterator[Group]]] = {
    ast.Name: Follower.name,
    ast.Attribute: Follower.attribute,
    ast.Subscript: Follower.subscript,
    ast.IfExp: Follower.either,
    ast.BoolOp: Follower.first,
    ast.NamedExpr: Follower.inner,
    ast.Await: Follower.inner,
    ast.List: Follower.elements,
    ast.Tuple: Follower.elements,
    ast.Set: Follower.elements,
    ast.Dict: Follower.items,
    ast.ListComp: Follower.comprehension,
    ast.SetComp: Follower.comprehension,
    ast.GeneratorExp: Follower.comprehension,
    ast.DictComp: Follower.comprehension,
    ast.BinOp: Follower.sum,
    ast.Call: Follower.call,
}
