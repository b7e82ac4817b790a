"""What one cell or file says about names: bindings, calls, uses; nothing is resolved here.

Facts depend on the text alone, so they are remembered by it: a keystroke costs the walk of one cell.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple

from model_loupe.documents.cells import statements

MODULE = 0
"""The number of the outermost scope."""


class Binding(NamedTuple):
    """A name given a value. ``value`` is None where that is no expression (a loop variable, a parameter)."""

    name: str
    scope: int
    target: ast.expr | None
    value: ast.expr | None
    position: tuple[int, int]
    certain: bool


class Call(NamedTuple):
    """A call in ``scope``."""

    node: ast.Call
    scope: int


class Use(NamedTuple):
    """A name that is read."""

    node: ast.Name
    scope: int


class Facts(NamedTuple):
    """Of one text: ``parents`` gives each scope's outer scope, ``imports`` local name → dotted origin."""

    bindings: list[Binding]
    calls: list[Call]
    uses: list[Use]
    parents: list[int]
    imports: dict[str, str]


@lru_cache(maxsize=512)
def facts_of(text: str) -> Facts:
    """The facts of a text, in source order; never raises."""
    walker = _Walker()
    # Thousands of nested expressions end the walk: what came before them stays known.
    with suppress(RecursionError):
        walker.block(statements(text), MODULE)
    return Facts(walker.bindings, walker.calls, walker.uses, walker.parents, walker.imports)


class _Walker:
    """One pass over a tree. A plain dispatch on the type: ``ast.NodeVisitor`` costs three times as much."""

    def __init__(self) -> None:
        self.bindings: list[Binding] = []
        self.calls: list[Call] = []
        self.uses: list[Use] = []
        self.parents: list[int] = [MODULE]
        self.imports: dict[str, str] = {}

    def block(self, body: tuple[ast.stmt, ...] | list[ast.stmt], scope: int, certain: bool = True) -> None:
        for statement in body:
            self.visit(statement, scope, certain)

    def visit(self, node: ast.AST, scope: int, certain: bool = True) -> None:
        kind = type(node)
        if kind is ast.Constant:
            return
        if kind is ast.Name:
            self.uses.append(Use(node, scope))  # type: ignore[arg-type]
            return
        special = _SPECIAL.get(kind)
        if special is not None:
            special(self, node, scope, certain)
            return
        if kind is ast.Call:
            self.calls.append(Call(node, scope))  # type: ignore[arg-type]
        # Inside these, a binding may not have happened: what it binds is one of several values.
        inner = certain and kind not in _BRANCHES
        for field in kind._fields:
            value = getattr(node, field, None)
            if isinstance(value, list):
                for item in value:
                    if isinstance(item, ast.AST):
                        self.visit(item, scope, inner)
            elif isinstance(value, ast.AST):
                self.visit(value, scope, inner)

    def bind(self, target: ast.expr, value: ast.expr | None, scope: int, certain: bool) -> None:
        position = (target.lineno, target.col_offset)
        if isinstance(target, ast.Name):
            self.bindings.append(Binding(target.id, scope, target, value, position, certain))
        elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
            # ``self.model_id`` of one method is read in another: attributes belong to the whole text.
            name = f"{target.value.id}.{target.attr}"
            self.bindings.append(Binding(name, MODULE, target, value, position, certain))
        elif isinstance(target, (ast.Tuple, ast.List)):
            values: list[ast.expr | None] = [None] * len(target.elts)
            if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
                values = list(value.elts)
            for item, item_value in zip(target.elts, values, strict=True):
                self.bind(item, item_value, scope, certain)

    def assign(self, node: ast.Assign, scope: int, certain: bool) -> None:
        self.visit(node.value, scope, certain)
        for target in node.targets:
            self.bind(target, node.value, scope, certain)

    def annotated(self, node: ast.AnnAssign | ast.NamedExpr, scope: int, certain: bool) -> None:
        if node.value is not None:
            self.visit(node.value, scope, certain)
            self.bind(node.target, node.value, scope, certain)

    def augmented(self, node: ast.AugAssign, scope: int, certain: bool) -> None:
        self.visit(node.value, scope, certain)
        # ``name += "-it"``: the new value is known if both parts are.
        if isinstance(node.target, ast.Name):
            old = ast.copy_location(ast.Name(node.target.id, ast.Load()), node.target)
            joined = ast.copy_location(ast.BinOp(old, node.op, node.value), node)
            self.bind(node.target, joined, scope, certain)

    def loop(self, node: ast.For | ast.AsyncFor, scope: int, certain: bool) -> None:
        self.visit(node.iter, scope, certain)
        elements = node.iter.elts if isinstance(node.iter, (ast.List, ast.Tuple)) else []
        for element in elements:
            self.bind(node.target, element, scope, False)
        if not elements:
            self.bind(node.target, None, scope, certain)
        self.block(node.body, scope, False)
        self.block(node.orelse, scope, False)

    def function(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, scope: int, certain: bool
    ) -> None:
        inner = self._open(scope)
        arguments = node.args
        for expression in [*arguments.defaults, *(value for value in arguments.kw_defaults if value)]:
            self.visit(expression, scope, certain)
        positional = [*arguments.posonlyargs, *arguments.args]
        defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
        defaults += arguments.defaults
        named = [
            *zip(positional, defaults, strict=True),
            *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
        ]
        for argument, default in named:
            position = (argument.lineno, argument.col_offset)
            self.bindings.append(Binding(argument.arg, inner, None, default, position, False))
        if isinstance(node, ast.Lambda):
            self.visit(node.body, inner, certain)
            return
        for decorator in node.decorator_list:
            self.visit(decorator, scope, certain)
        self.bindings.append(Binding(node.name, scope, None, None, (node.lineno, node.col_offset), certain))
        self.block(node.body, inner)

    def class_(self, node: ast.ClassDef, scope: int, certain: bool) -> None:
        for expression in [*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)]:
            self.visit(expression, scope, certain)
        self.bindings.append(Binding(node.name, scope, None, None, (node.lineno, node.col_offset), certain))
        inner = self._open(scope)
        self.block(node.body, inner)

    def import_(self, node: ast.Import, scope: int, certain: bool) -> None:
        for alias in node.names:
            if alias.asname:
                self.imports[alias.asname] = alias.name

    def import_from(self, node: ast.ImportFrom, scope: int, certain: bool) -> None:
        for alias in node.names:
            self.imports[alias.asname or alias.name] = f"{node.module or ''}.{alias.name}"

    def _open(self, parent: int) -> int:
        self.parents.append(parent)
        return len(self.parents) - 1


_BRANCHES = {ast.If, ast.While, ast.Try, ast.Match, ast.ExceptHandler}
_SPECIAL: dict[type[ast.AST], Callable[[_Walker, Any, int, bool], None]] = {
    ast.Assign: _Walker.assign,
    ast.AnnAssign: _Walker.annotated,
    ast.NamedExpr: _Walker.annotated,
    ast.AugAssign: _Walker.augmented,
    ast.For: _Walker.loop,
    ast.AsyncFor: _Walker.loop,
    ast.FunctionDef: _Walker.function,
    ast.AsyncFunctionDef: _Walker.function,
    ast.Lambda: _Walker.function,
    ast.ClassDef: _Walker.class_,
    ast.Import: _Walker.import_,
    ast.ImportFrom: _Walker.import_from,
}
