"""What one cell or file says about names: scopes, bindings and calls; nothing is resolved here."""

from __future__ import annotations

import ast
from typing import NamedTuple

from model_loupe.documents.source import Source

MODULE = 0
"""The number of the outermost scope."""

Position = tuple[int, int]

_NOT_ASKED = "?"


class _Some:
    """A step to a part that the text does not single out."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


EACH = _Some("EACH")
"""Any of what iterating gives: an element, a dict's key."""

ANY = _Some("ANY")
"""Any of what looking up gives: an element, a dict's value."""


class Field(NamedTuple):
    """An attribute, as a step of a path: ``.name``, where a plain string is a key: ``["name"]``."""

    name: str


Path = tuple[object, ...]
"""Steps from a value to a part of it: ``Field``, ``EACH``, ``ANY``, or an item's key or index."""


class Scope(NamedTuple):
    """A module, class or function (a lambda and a comprehension too).

    ``parameters`` are in positional order, those of a class are its annotated fields (a dataclass takes them
    so); ``bases`` are a class's, as dotted names.
    """

    parent: int
    kind: str
    name: str
    parameters: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()


class Binding(NamedTuple):
    """A name given a value, which holds from ``position`` on (line from 1, column in bytes, as in ``ast``).

    ``value`` is None where that is no expression of the text, else it stands in ``value_scope``; ``origin``
    is what an import brings; ``certain`` is False where the statement may not have run (in a branch or loop)
    and for a parameter's default. With a ``path`` the name is given only that part of the value.
    """

    name: str
    scope: int
    target: ast.expr | None
    value: ast.expr | None
    value_scope: int
    position: Position
    certain: bool
    origin: str | None = None
    path: Path = ()


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
    ``aliases``: local name → what an import calls it; ``writes``: values of ``output_dir=`` and the like;
    ``returns``: a function's scope → what it returns; ``dicts``: literals with a key that names a model;
    ``shell``: lines for the shell, each with the number of its first; ``file``: what ``%%writefile`` names;
    ``comprehensions``: where one begins → its scope.

    An attribute of an object is bound under its dotted name in the module (``args.output_dir``), one of
    ``self`` in the class's scope (``self.model_id``).
    """

    __slots__ = (
        "_outermost",
        "aliases",
        "bindings",
        "calls",
        "comprehensions",
        "dicts",
        "file",
        "remembered",
        "returns",
        "scopes",
        "shell",
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
        self.returns: dict[int, list[ast.expr]] = {}
        self.dicts: list[Use] = []
        self.shell: list[tuple[int, str]] = []
        self.file: str | None = None
        self.comprehensions: dict[Position, int] = {}
        # Filled by the first hover; analysis itself does not need them.
        self.uses: list[Use] | None = None
        # The place for what analysis derives from these facts alone.
        self.remembered: object = None
        self._outermost: tuple[str, ...] | None = None

    def updates(self, name: str) -> bool:
        """Whether the text calls ``name.update(…)``."""
        return any(site.callee == f"{name}.update" for site in self.calls.get("update", ()))

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


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """The value that a call gives for a keyword argument."""
    return next((given.value for given in call.keywords if given.arg == name), None)


def given(call: ast.Call, name: str, position: int | None) -> ast.expr | None:
    """The value that a call gives for an argument, by keyword or in its position (None: by keyword alone)."""
    value = keyword(call, name)
    if value is None and position is not None and position < len(call.args):
        return call.args[position]
    return value


def split_origin(origin: str) -> tuple[str, str]:
    """``.utils.names.MODEL`` → module and name; the module is empty where the name is one itself."""
    name = origin.rpartition(".")[2]
    module = origin[: len(origin) - len(name)]
    return (module if not module.strip(".") else module[:-1]), name
