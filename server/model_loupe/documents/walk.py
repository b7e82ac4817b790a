"""One pass over a text's syntax tree that collects its facts.

Dispatch is by exact type over hand-written field tables, since ``ast.NodeVisitor`` and ``ast.walk`` cost a
multiple of the parsing itself. Expressions are walked with a stack, and leaves are never pushed.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from model_loupe.documents.apis import WRITING_KEYWORDS
from model_loupe.documents.cells import statements
from model_loupe.documents.facts import (
    MODULE,
    Binding,
    CallSite,
    Facts,
    Position,
    Scope,
    Use,
    access_path,
    dotted,
)
from model_loupe.documents.source import Source


def walk(text: str) -> Facts:
    """The facts of a text; never raises."""
    walker = _Walker(Facts(Source(text)))
    # Thousands of nested blocks end the walk: what came before them stays known.
    with suppress(RecursionError):
        walker.block(statements(text), MODULE, True)
    return walker.facts


def uses_in(text: str) -> list[Use]:
    """Every name and plain attribute that a text reads, in order; scopes are numbered as ``walk`` does."""
    walker = _UseWalker(Facts(Source(text)))
    with suppress(RecursionError):
        walker.block(statements(text), MODULE, True)
    walker.found.sort(key=lambda use: (use.node.lineno, use.node.col_offset))
    return walker.found


class _Walker:
    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.fields = _FIELDS
        self.special = _SPECIAL
        self._globals: set[tuple[int, str]] = set()

    # Statements

    def block(self, body: Sequence[ast.stmt], scope: int, certain: bool) -> None:
        for statement in body:
            visit = _STATEMENTS.get(type(statement))
            if visit is not None:
                visit(self, statement, scope, certain)

    def value(self, node: Any, scope: int, certain: bool) -> None:
        # Expr, Return: a docstring or a bare name is nothing.
        if node.value is not None:
            self.expression(node.value, scope)

    def assign(self, node: ast.Assign, scope: int, certain: bool) -> None:
        self.expression(node.value, scope)
        for target in node.targets:
            self.bind(target, node.value, scope, certain, _end(node))

    def annotated(self, node: ast.AnnAssign, scope: int, certain: bool) -> None:
        if node.value is not None:
            self.expression(node.value, scope)
            self.bind(node.target, node.value, scope, certain, _end(node))

    def augmented(self, node: ast.AugAssign, scope: int, certain: bool) -> None:
        self.expression(node.value, scope)
        # ``name += "-it"``: the new value is known if both parts are.
        if isinstance(node.target, ast.Name):
            old = ast.copy_location(ast.Name(node.target.id, ast.Load()), node.target)
            joined = ast.copy_location(ast.BinOp(old, node.op, node.value), node)
            self.bind(node.target, joined, scope, certain, _end(node))

    def loop(self, node: ast.For | ast.AsyncFor, scope: int, certain: bool) -> None:
        self.expression(node.iter, scope)
        self.bind_each(node.target, node.iter, scope, scope, (node.iter.lineno, node.iter.col_offset))
        self.block(node.body, scope, False)
        self.block(node.orelse, scope, False)

    def branch(self, node: ast.If | ast.While, scope: int, certain: bool) -> None:
        self.expression(node.test, scope)
        main = isinstance(node.test, ast.Compare) and dotted(node.test.left) == "__name__"
        self.block(node.body, scope, certain and main)
        self.block(node.orelse, scope, False)

    def with_(self, node: ast.With | ast.AsyncWith, scope: int, certain: bool) -> None:
        for item in node.items:
            self.expression(item.context_expr, scope)
            if item.optional_vars is not None:
                self.bind(item.optional_vars, None, scope, certain, _end(item.optional_vars))
        self.block(node.body, scope, certain)

    def try_(self, node: ast.Try | ast.TryStar, scope: int, certain: bool) -> None:
        self.block(node.body, scope, False)
        for handler in node.handlers:
            if handler.name:
                self.define(handler, handler.name, scope, False)
            self.block(handler.body, scope, False)
        self.block(node.orelse, scope, False)
        self.block(node.finalbody, scope, certain)

    def match(self, node: ast.Match, scope: int, certain: bool) -> None:
        self.expression(node.subject, scope)
        for case in node.cases:
            if case.guard is not None:
                self.expression(case.guard, scope)
            self.block(case.body, scope, False)

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: int, certain: bool) -> None:
        for decorator in node.decorator_list:
            self.expression(decorator, scope)
        self.define(node, node.name, scope, certain)
        inner = self.parameters(node.args, scope, node.name)
        self.block(node.body, inner, True)

    def class_(self, node: ast.ClassDef, scope: int, certain: bool) -> None:
        for expression in [*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)]:
            self.expression(expression, scope)
        self.define(node, node.name, scope, certain)
        self.block(node.body, self.open(Scope(scope, "class", node.name)), True)

    def import_(self, node: ast.Import, scope: int, certain: bool) -> None:
        for alias in node.names:
            # ``import a.b`` binds ``a``.
            local = alias.asname or alias.name.partition(".")[0]
            self.imported(local, alias.name if alias.asname else local, node, scope, certain)

    def import_from(self, node: ast.ImportFrom, scope: int, certain: bool) -> None:
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            self.imported(alias.asname or alias.name, f"{module}.{alias.name}", node, scope, certain)

    def assertion(self, node: ast.Assert, scope: int, certain: bool) -> None:
        self.expression(node.test, scope)

    def global_(self, node: ast.Global, scope: int, certain: bool) -> None:
        self._globals.update((scope, name) for name in node.names)

    # Expressions

    def expression(self, node: ast.expr, scope: int) -> None:
        fields_of, specials = self.fields, self.special
        stack: list[Any] = [node]
        while stack:
            node = stack.pop()
            kind = type(node)
            fields = fields_of.get(kind)
            if fields is None:
                special = specials.get(kind)
                if special is not None:
                    special(self, node, scope, stack)
                continue
            for field in fields:
                child = getattr(node, field)
                if type(child) is list:
                    stack += child
                elif child is not None:
                    stack.append(child)

    def call(self, node: ast.Call, scope: int, stack: list[Any]) -> None:
        facts = self.facts
        func: Any = node.func
        stack += node.args
        for keyword in node.keywords:
            stack.append(keyword.value)
            if keyword.arg in WRITING_KEYWORDS:
                facts.writes.append(Use(keyword.value, scope))
        kind = type(func)
        if kind is ast.Name:
            name = func.id
        elif kind is ast.Attribute:
            name = func.attr
            stack.append(func.value)
        else:
            stack.append(func)
            return
        sites = facts.calls.get(name)
        if sites is None:
            facts.calls[name] = [CallSite(node, scope)]
        else:
            sites.append(CallSite(node, scope))

    def lambda_(self, node: ast.Lambda, scope: int, stack: list[Any]) -> None:
        self.expression(node.body, self.parameters(node.args, scope, ""))

    def named(self, node: ast.NamedExpr, scope: int, stack: list[Any]) -> None:
        stack.append(node.value)
        self.bind(node.target, node.value, scope, True, _end(node))

    def comprehension(self, node: Any, scope: int, stack: list[Any]) -> None:
        inner = self.open(Scope(scope, "function", ""))
        for generator in node.generators:
            self.expression(generator.iter, scope)
            # The element stands before the names that it uses, so they hold from the beginning.
            self.bind_each(generator.target, generator.iter, inner, scope, (node.lineno, node.col_offset))
            for condition in generator.ifs:
                self.expression(condition, inner)
        for part in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
            self.expression(part, inner)

    # Names

    def open(self, scope: Scope) -> int:
        self.facts.scopes.append(scope)
        return len(self.facts.scopes) - 1

    def parameters(self, arguments: ast.arguments, scope: int, name: str) -> int:
        """Opens a function's scope, its parameters bound to their defaults."""
        for default in (*arguments.defaults, *arguments.kw_defaults):
            if default is not None:
                self.expression(default, scope)
        positional = [*arguments.posonlyargs, *arguments.args]
        names = tuple(argument.arg for argument in (*positional, *arguments.kwonlyargs))
        inner = self.open(Scope(scope, "function", name, names))
        missing: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
        defaults = (*missing, *arguments.defaults, *arguments.kw_defaults)
        for argument, default in zip((*positional, *arguments.kwonlyargs), defaults, strict=True):
            position = (argument.lineno, argument.col_offset)
            self.add(Binding(argument.arg, inner, None, default, scope, position, False))
        for rest in (arguments.vararg, arguments.kwarg):
            if rest is not None:
                self.define(rest, rest.arg, inner, False)
        return inner

    def bind(
        self,
        target: ast.expr,
        value: ast.expr | None,
        scope: int,
        certain: bool,
        position: Position,
        outside: int | None = None,
    ) -> None:
        """``target = value``, also of tuples part by part, of attributes and of literal keys.

        ``outside`` is the scope that the value stands in where that is not the target's.
        """
        value_scope = scope if outside is None else outside
        if isinstance(target, ast.Name):
            self.add(Binding(target.id, scope, target, value, value_scope, position, certain))
        elif isinstance(target, (ast.Tuple, ast.List)):
            values: Sequence[ast.expr | None] = [None] * len(target.elts)
            if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
                values = value.elts
            for item, item_value in zip(target.elts, values, strict=True):
                self.bind(item, item_value, scope, certain, position, outside)
        elif isinstance(target, ast.Starred):
            self.bind(target.value, None, scope, certain, position)
        else:
            name = access_path(target)
            if name is None:
                return
            holder, dot, attribute = name.partition(".")
            class_scope = self.class_of(scope) if dot and holder in ("self", "cls") else None
            if class_scope is None:
                # ``args.output_dir`` set in one function is read in another.
                self.add(Binding(name, MODULE, target, value, value_scope, position, certain))
            else:
                self.add(Binding(attribute, class_scope, target, value, value_scope, position, certain))

    def bind_each(
        self, target: ast.expr, iterable: ast.expr, scope: int, outside: int, position: Position
    ) -> None:
        """A loop's target: each element of a literal list is a value that it may have."""
        elements = iterable.elts if isinstance(iterable, (ast.List, ast.Tuple, ast.Set)) else []
        for element in elements:
            self.bind(target, element, scope, False, position, outside)
        if not elements:
            self.bind(target, None, scope, True, position)

    def class_of(self, scope: int) -> int | None:
        """The class whose method ``scope`` is in."""
        scopes = self.facts.scopes
        while scope != MODULE:
            if scopes[scope].kind == "class":
                return scope
            scope = scopes[scope].parent
        return None

    def add(self, binding: Binding) -> None:
        if self._globals and (binding.scope, binding.name) in self._globals:
            binding = binding._replace(scope=MODULE)
        key = (binding.scope, binding.name)
        known = self.facts.bindings.get(key)
        if known is None:
            self.facts.bindings[key] = [binding]
        else:
            known.append(binding)

    def define(self, node: Any, name: str, scope: int, certain: bool) -> None:
        """A name for something that is no expression: a function, a class, an exception."""
        self.add(Binding(name, scope, None, None, scope, (node.lineno, node.col_offset), certain))

    def imported(self, local: str, origin: str, node: ast.stmt, scope: int, certain: bool) -> None:
        position = (node.lineno, node.col_offset)
        self.add(Binding(local, scope, None, None, scope, position, certain, origin))
        last = origin.rpartition(".")[2]
        if local not in (last, origin):
            self.facts.aliases[local] = last


class _UseWalker(_Walker):
    """Walks alike, so that scopes have the same numbers, and keeps the names that are read."""

    def __init__(self, facts: Facts) -> None:
        super().__init__(facts)
        self.fields = {kind: fields for kind, fields in _FIELDS.items() if kind is not ast.Attribute}
        self.special = {**_SPECIAL, ast.Name: _UseWalker.use, ast.Attribute: _UseWalker.attribute}
        self.found: list[Use] = []

    def use(self, node: ast.Name, scope: int, stack: list[Any]) -> None:
        self.found.append(Use(node, scope))

    def attribute(self, node: ast.Attribute, scope: int, stack: list[Any]) -> None:
        self.found.append(Use(node, scope))
        stack.append(node.value)


def _end(node: ast.stmt | ast.expr) -> Position:
    return (node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)


_STATEMENTS: dict[type[ast.AST], Callable[[_Walker, Any, int, bool], None]] = {
    ast.Expr: _Walker.value,
    ast.Return: _Walker.value,
    ast.Assign: _Walker.assign,
    ast.AnnAssign: _Walker.annotated,
    ast.AugAssign: _Walker.augmented,
    ast.For: _Walker.loop,
    ast.AsyncFor: _Walker.loop,
    ast.If: _Walker.branch,
    ast.While: _Walker.branch,
    ast.With: _Walker.with_,
    ast.AsyncWith: _Walker.with_,
    ast.Try: _Walker.try_,
    ast.TryStar: _Walker.try_,
    ast.Match: _Walker.match,
    ast.FunctionDef: _Walker.function,
    ast.AsyncFunctionDef: _Walker.function,
    ast.ClassDef: _Walker.class_,
    ast.Import: _Walker.import_,
    ast.ImportFrom: _Walker.import_from,
    ast.Global: _Walker.global_,
    ast.Assert: _Walker.assertion,
}
# Where an expression's own expressions are. What is not here is a leaf or has a method of its own.
_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {
    ast.Attribute: ("value",),
    ast.BoolOp: ("values",),
    ast.BinOp: ("left", "right"),
    ast.UnaryOp: ("operand",),
    ast.IfExp: ("test", "body", "orelse"),
    ast.Dict: ("keys", "values"),
    ast.Set: ("elts",),
    ast.Await: ("value",),
    ast.Yield: ("value",),
    ast.YieldFrom: ("value",),
    ast.Compare: ("left", "comparators"),
    ast.FormattedValue: ("value",),
    ast.JoinedStr: ("values",),
    ast.Subscript: ("value", "slice"),
    ast.Starred: ("value",),
    ast.List: ("elts",),
    ast.Tuple: ("elts",),
    ast.Slice: ("lower", "upper", "step"),
}
_SPECIAL: dict[type[ast.AST], Callable[[Any, Any, int, list[Any]], None]] = {
    ast.Call: _Walker.call,
    ast.Lambda: _Walker.lambda_,
    ast.NamedExpr: _Walker.named,
    ast.ListComp: _Walker.comprehension,
    ast.SetComp: _Walker.comprehension,
    ast.DictComp: _Walker.comprehension,
    ast.GeneratorExp: _Walker.comprehension,
}
