"""What one cell or file says about names: scopes, bindings and calls; nothing is resolved here."""

from __future__ import annotations

import ast
from typing import NamedTuple

from model_loupe.documents.source import Source

MODULE = 0
"""The number of the outermost scope."""

Position = tuple[int, int]

_NOT_ASKED = "?"


class Scope(NamedTuple):
    """A module, class or function (a lambda and a comprehension too); ``parameters`` in positional order."""

    parent: int
    kind: str
    name: str
    parameters: tuple[str, ...] = ()


class Binding(NamedTuple):
    """A name given a value, which holds from ``position`` on (line from 1, column in bytes, as in ``ast``).

    ``value`` is None where that is no expression of the text, else it stands in ``value_scope``; ``origin``
    is what an import brings; ``certain`` is False where the statement may not have run (in a branch or loop)
    and for a parameter's default.
    """

    name: str
    scope: int
    target: ast.expr | None
    value: ast.expr | None
    value_scope: int
    position: Position
    certain: bool
    origin: str | None = None


class CallSite:
    """A call in ``scope``. ``callee`` is the dotted name of what it calls, None where that is none.

    ``remembered`` is the place for what analysis derives from the text alone.
    """

    __slots__ = ("_callee", "node", "remembered", "scope")

    def __init__(self, node: ast.Call, scope: int) -> None:
        self.node = node
        self.scope = scope
        self.remembered: object = None
        # Of the calls of a text few are ever asked for their name.
        self._callee: str | None = _NOT_ASKED

    @property
    def callee(self) -> str | None:
        if self._callee is _NOT_ASKED:
            self._callee = dotted(self.node.func)
        return self._callee


class Use(NamedTuple):
    """An expression and the scope that it stands in."""

    node: ast.expr
    scope: int


class Facts:
    """Of one text. ``bindings``: (scope, name) → in order; ``calls``: last part of the callee → sites;
    ``aliases``: local name → what an import calls it; ``writes``: values of ``output_dir=`` and the like.

    An attribute of an object is bound under its dotted name in the module (``args.output_dir``), one of
    ``self`` in the class's scope (``self.model_id``).
    """

    __slots__ = (
        "_outermost",
        "aliases",
        "bindings",
        "calls",
        "remembered",
        "scopes",
        "source",
        "uses",
        "writes",
    )

    def __init__(self, source: Source) -> None:
        self.source = source
        self.scopes: list[Scope] = [Scope(MODULE, "module", "")]
        self.bindings: dict[tuple[int, str], list[Binding]] = {}
        self.calls: dict[str, list[CallSite]] = {}
        self.aliases: dict[str, str] = {}
        self.writes: list[Use] = []
        # Filled by the first hover; analysis itself does not need them.
        self.uses: list[Use] | None = None
        # The place for what analysis derives from these facts alone.
        self.remembered: object = None
        self._outermost: tuple[str, ...] | None = None

    def outermost(self) -> tuple[str, ...]:
        """The names that the text binds outside of functions and classes; to be asked when it is complete."""
        if self._outermost is None:
            self._outermost = tuple(name for scope, name in self.bindings if scope == MODULE)
        return self._outermost


def dotted(expression: ast.expr) -> str | None:
    """``a.b.c`` for a chain of names; None for anything else."""
    if type(expression) is ast.Name:
        return expression.id
    parts: list[str] = []
    while isinstance(expression, ast.Attribute):
        parts.append(expression.attr)
        expression = expression.value
    if not isinstance(expression, ast.Name):
        return None
    parts.append(expression.id)
    return ".".join(reversed(parts))


def access_path(expression: ast.expr) -> str | None:
    """``a.b`` or ``a['b']`` as one name: an attribute or a literal key of a name; None for anything else."""
    if isinstance(expression, ast.Subscript):
        owner, key = dotted(expression.value), expression.slice
        if owner is not None and isinstance(key, ast.Constant) and isinstance(key.value, str):
            return f"{owner}[{key.value!r}]"
        return None
    return dotted(expression)
