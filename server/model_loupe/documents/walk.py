"""One pass over a text's syntax tree that collects its facts.

Dispatch is by exact type over hand-written field tables, since ``ast.NodeVisitor`` and ``ast.walk`` cost a
multiple of the parsing itself. Expressions are walked with a stack, and leaves are never pushed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from model_loupe.documents.apis import SETTINGS, WRITING_KEYWORDS
from model_loupe.documents.cells import parse
from model_loupe.documents.facts import (
    EACH,
    MODULE,
    Binding,
    CallSite,
    Facts,
    Path,
    Position,
    Scope,
    Use,
    access_path,
    dotted,
)
from model_loupe.documents.source import Source

GETTERS = frozenset(["get_submodule", "get_parameter", "get_buffer"])
"""Methods of a module that take the dotted name of a part of it."""

# Functions whose first argument may be a line for the shell.
_RUNNERS = frozenset(["system", "getoutput", "run", "Popen", "call", "check_call", "check_output"])
_NAMES_MODELS = re.compile(r"\bdownload\b|\bserve\b|--model")
# What is longer names no model and no parameter.
_LONGEST_NAME = 200


def walk(text: str) -> Facts:
    """The facts of a text; never raises."""
    walker = _Walker(Facts(Source(text)))
    statements, shell, walker.facts.file = parse(text)
    # Thousands of nested blocks end the walk: what came before them stays known.
    with suppress(RecursionError):
        walker.block(statements, MODULE, True)
    walker.facts.shell = sorted([*shell, *walker.facts.shell])
    return walker.facts


def uses_in(text: str) -> list[Use]:
    """The names, attributes, items and short strings of a text; scopes are numbered as ``walk`` does."""
    walker = _UseWalker(Facts(Source(text)))
    with suppress(RecursionError):
        walker.block(parse(text).statements, MODULE, True)
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
        # A docstring or a bare name is nothing.
        if node.value is not None:
            self.expression(node.value, scope)

    def return_(self, node: ast.Return, scope: int, certain: bool) -> None:
        if node.value is not None:
            self.expression(node.value, scope)
            self.facts.returns.setdefault(scope, []).append(node.value)

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
        position = (node.iter.lineno, node.iter.col_offset)
        self.bind(node.target, node.iter, scope, True, position, path=(EACH,))
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
        if scope == MODULE and any(map(_is_cell, node.decorator_list)):
            # A cell of a marimo notebook: its names are those of the notebook, its parameters too.
            self.block(node.body, scope, certain)
            return
        self.define(node, node.name, scope, certain)
        inner = self.parameters(node.args, scope, node.name)
        self.block(node.body, inner, True)

    def class_(self, node: ast.ClassDef, scope: int, certain: bool) -> None:
        for expression in [*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)]:
            self.expression(expression, scope)
        self.define(node, node.name, scope, certain)
        bases = tuple(name for base in node.bases if (name := dotted(base)) is not None)
        fields = tuple(
            statement.target.id
            for statement in node.body
            if type(statement) is ast.AnnAssign and type(statement.target) is ast.Name
        )
        inner = self.open(Scope(scope, "class", node.name, fields, bases))
        self.block(node.body, inner, True)

    def import_(self, node: ast.Import, scope: int, certain: bool) -> None:
        for alias in node.names:
            # ``import a.b`` binds ``a``.
            local = alias.asname or alias.name.partition(".")[0]
            self.imported(local, alias.name if alias.asname else local, node, scope, certain)

    def import_from(self, node: ast.ImportFrom, scope: int, certain: bool) -> None:
        module = "." * node.level + (node.module or "")
        dot = "." if node.module else ""
        for alias in node.names:
            self.imported(alias.asname or alias.name, f"{module}{dot}{alias.name}", node, scope, certain)

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
        if name in _RUNNERS and node.args and type(node.args[0]) is ast.Constant:
            self.command(node.args[0])
        sites = facts.calls.get(name)
        if sites is None:
            facts.calls[name] = [CallSite(node, scope)]
        else:
            sites.append(CallSite(node, scope))

    def command(self, node: ast.Constant) -> None:
        """A line for the shell in quotes: nbconvert writes ``get_ipython().system("hf download …")``."""
        text = node.value
        if type(text) is str and _NAMES_MODELS.search(text):
            source = self.facts.source
            # Escaped characters would be somewhere else.
            if source.fragment(node)[1:-1] == text:
                span = source.span(node)
                self.facts.shell.append((span.line, " " * (span.column + 1) + text))

    def dict_(self, node: ast.Dict, scope: int, stack: list[Any]) -> None:
        for key in node.keys:
            if type(key) is ast.Constant and (key.value in SETTINGS or key.value in WRITING_KEYWORDS):
                self.facts.dicts.append(Use(node, scope))
                break
        # A key is hardly ever more than a literal; one of ``**more`` is None.
        stack += [key for key in node.keys if key is not None and type(key) is not ast.Constant]
        stack += node.values

    def lambda_(self, node: ast.Lambda, scope: int, stack: list[Any]) -> None:
        self.expression(node.body, self.parameters(node.args, scope, ""))

    def named(self, node: ast.NamedExpr, scope: int, stack: list[Any]) -> None:
        stack.append(node.value)
        self.bind(node.target, node.value, scope, True, _end(node))

    def comprehension(self, node: Any, scope: int, stack: list[Any]) -> None:
        inner = self.open(Scope(scope, "function", ""))
        self.facts.comprehensions[node.lineno, node.col_offset] = inner
        for generator in node.generators:
            self.expression(generator.iter, scope)
            # The element stands before the names that it uses, so they hold from the beginning.
            position = (node.lineno, node.col_offset)
            self.bind(generator.target, generator.iter, inner, True, position, scope, (EACH,))
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
        path: Path = (),
    ) -> None:
        """``target = value``, also of tuples part by part, of attributes and of literal keys.

        ``outside`` is the scope that the value stands in where that is not the target's; ``path`` the part of
        the value that the target gets.
        """
        value_scope = scope if outside is None else outside
        if isinstance(target, ast.Name):
            name, owner = target.id, scope
        elif isinstance(target, (ast.Tuple, ast.List)):
            if not path and isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
                for item, part in zip(target.elts, value.elts, strict=True):
                    self.bind(item, part, scope, certain, position, outside)
            else:
                for index, item in enumerate(target.elts):
                    self.bind(item, value, scope, certain, position, outside, (*path, index))
            return
        elif isinstance(target, ast.Starred):
            self.bind(target.value, None, scope, certain, position)
            return
        else:
            found = access_path(target)
            if found is None:
                return
            holder, dot, attribute = found.partition(".")
            class_scope = self.class_of(scope) if dot and holder in ("self", "cls") else None
            # ``args.output_dir`` set in one function is read in another.
            name, owner = (found, MODULE) if class_scope is None else (attribute, class_scope)
        self.add(Binding(name, owner, target, value, value_scope, position, certain, None, path))

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
        own = (ast.Attribute, ast.Subscript)
        self.fields = {kind: fields for kind, fields in _FIELDS.items() if kind not in own}
        self.special = {
            **_SPECIAL,
            ast.Name: _UseWalker.use,
            ast.Attribute: _UseWalker.attribute,
            ast.Constant: _UseWalker.constant,
            ast.Subscript: _UseWalker.subscript,
            ast.Call: _UseWalker.call,
        }
        self.found: list[Use] = []

    def use(self, node: ast.Name, scope: int, stack: list[Any]) -> None:
        self.found.append(Use(node, scope))

    def attribute(self, node: ast.Attribute, scope: int, stack: list[Any]) -> None:
        self.found.append(Use(node, scope))
        stack.append(node.value)

    def subscript(self, node: ast.Subscript, scope: int, stack: list[Any]) -> None:
        self.found.append(Use(node, scope))
        stack += (node.value, node.slice)

    def call(self, node: ast.Call, scope: int, stack: list[Any]) -> None:
        func = node.func
        if isinstance(func, (ast.Name, ast.Attribute)):
            # ``self.encoder(x)``: a part that is called.
            self.found.append(Use(func, scope))
        if isinstance(func, ast.Attribute) and func.attr in GETTERS:
            self.found.append(Use(node, scope))
        super().call(node, scope, stack)

    def constant(self, node: ast.Constant, scope: int, stack: list[Any]) -> None:
        if type(node.value) is str and len(node.value) <= _LONGEST_NAME:
            self.found.append(Use(node, scope))


def _is_cell(decorator: ast.expr) -> bool:
    """``@app.cell`` or ``@app.cell(hide_code=True)``"""
    name = dotted(decorator.func if isinstance(decorator, ast.Call) else decorator)
    return name == "app.cell"


def _end(node: ast.stmt | ast.expr) -> Position:
    return (node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)


_STATEMENTS: dict[type[ast.AST], Callable[[_Walker, Any, int, bool], None]] = {
    ast.Expr: _Walker.value,
    ast.Return: _Walker.return_,
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
    ast.Dict: _Walker.dict_,
    ast.Lambda: _Walker.lambda_,
    ast.NamedExpr: _Walker.named,
    ast.ListComp: _Walker.comprehension,
    ast.SetComp: _Walker.comprehension,
    ast.DictComp: _Walker.comprehension,
    ast.GeneratorExp: _Walker.comprehension,
}
