"""The fields of a class and the arguments of its ``__init__``, with what it and its bases say of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from model_loupe.inspector.installed.docstrings import Documented, documented_arguments
from model_loupe.inspector.installed.packages import Folders, defining_module, outline_of

_MOST_BASES = 12
_NOT_FIELDS = ("self", "cls")


class Field(NamedTuple):
    """A field or argument. ``type`` and ``default`` are source text; ``default`` is None where it has none.

    ``documented`` is what the docstrings say, None where they do not name it.
    """

    name: str
    type: str
    default: str | None
    documented: Documented | None


class Class(NamedTuple):
    """A class of an installed package; ``fields`` in the order of the class, then of its bases.

    ``described`` are all arguments that its docstrings name, also those that are no fields; ``variables``
    are the literal values of its class variables, its own first.
    """

    module: str
    name: str
    fields: dict[str, Field]
    described: dict[str, Documented]
    variables: dict[str, object]


def class_named(folders: Folders, module: str, name: str) -> Class | None:
    """The class that ``module`` calls ``name``, wherever the package defines it."""
    place = defining_module(folders, module, name)
    return _class(folders, *place) if place else None


@lru_cache(maxsize=256)
def _class(folders: Folders, module: str, name: str) -> Class | None:
    described: dict[str, Documented] = {}
    fields: dict[str, Field] = {}
    variables: dict[str, object] = {}
    for node in _with_bases(folders, module, name):
        init = _init_of(node)
        for docstring in (ast.get_docstring(node), ast.get_docstring(init) if init else None):
            for argument, said in documented_arguments(docstring).items():
                described.setdefault(argument, said)
        for field in _own_fields(node, init):
            fields.setdefault(field.name, field)
        for field in _popped(init) if init else ():
            # What no docstring names is for the class' own use.
            if field.name in described:
                fields.setdefault(field.name, field)
        for variable, value in _own_variables(node):
            variables.setdefault(variable, value)
    outline = outline_of(folders, module)
    for text in outline.texts() if outline else ():
        for argument, said in documented_arguments(text).items():
            if argument in fields:
                described.setdefault(argument, said)
    if not fields and not described and not variables:
        return None
    whole = {
        name: field._replace(documented=described.get(name, field.documented))
        for name, field in fields.items()
    }
    return Class(module, name, whole, described, variables)


def _with_bases(folders: Folders, module: str, name: str) -> Iterator[ast.ClassDef]:
    """A class and those that it inherits from, each once and the nearest first."""
    waiting = [(module, name)]
    seen: set[tuple[str, str]] = set()
    while waiting and len(seen) < _MOST_BASES:
        place = waiting.pop(0)
        outline = outline_of(folders, place[0])
        node = outline.class_(place[1]) if outline and place not in seen else None
        seen.add(place)
        if node is None:
            continue
        yield node
        named = [base.id for base in node.bases if isinstance(base, ast.Name)]
        waiting += [found for base in named if (found := defining_module(folders, place[0], base))]


def _init_of(node: ast.ClassDef) -> ast.FunctionDef | None:
    functions = [each for each in node.body if isinstance(each, ast.FunctionDef)]
    return next((each for each in functions if each.name == "__init__"), None)


def _own_fields(node: ast.ClassDef, init: ast.FunctionDef | None) -> Iterator[Field]:
    if init is not None:
        yield from parameters_of(init)
        return
    for each in node.body:
        if not isinstance(each, ast.AnnAssign) or not isinstance(each.target, ast.Name):
            continue
        annotation = ast.unparse(each.annotation)
        if not annotation.startswith(("ClassVar", "typing.ClassVar")) and not each.target.id.startswith("_"):
            default, help_text = _dataclass_default(each.value)
            said = Documented(annotation, help_text) if help_text else None
            yield Field(each.target.id, annotation, default, said)


def parameters_of(function: ast.FunctionDef) -> Iterator[Field]:
    """The named parameters of a function, but for ``self`` and ``cls``."""
    given = function.args
    positional = [*given.posonlyargs, *given.args]
    defaults = [*[None] * (len(positional) - len(given.defaults)), *given.defaults]
    pairs = [*zip(positional, defaults, strict=True), *zip(given.kwonlyargs, given.kw_defaults, strict=True)]
    for parameter, default in pairs:
        if parameter.arg not in _NOT_FIELDS:
            annotation = ast.unparse(parameter.annotation) if parameter.annotation else ""
            yield Field(parameter.arg, annotation, _source(default), None)


def _popped(function: ast.FunctionDef) -> Iterator[Field]:
    """What a function takes out of its ``**kwargs``: ``kwargs.pop("max_length", 20)``."""
    for node in ast.walk(function):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="kwargs"), attr="pop"),
                args=[ast.Constant(value=str(name)), *rest],
            ) if not name.startswith("_"):
                yield Field(name, "", _source(rest[0] if rest else None), None)


def _dataclass_default(value: ast.expr | None) -> tuple[str | None, str]:
    """The default of a dataclass' field, and the help text that ``field(metadata=…)`` gives."""
    if not isinstance(value, ast.Call) or ast.unparse(value.func).rpartition(".")[2] != "field":
        return _source(value), ""
    given = {keyword.arg: keyword.value for keyword in value.keywords}
    default = given.get("default")
    factory = given.get("default_factory")
    shown = _source(default) or (f"{ast.unparse(factory)}()" if factory else None)
    return shown, _help(given.get("metadata"))


def _source(default: ast.expr | None) -> str | None:
    """A default as source text: ``4096 * 32`` worked out, of ``interval(min=0.0)(default=0.02)`` the 0.02."""
    match default:
        case None:
            return None
        case ast.Call(func=ast.Call(), args=[], keywords=[ast.keyword(arg="default", value=checked)]):
            return _source(checked)
        case ast.BinOp(ast.Constant(int(left)), ast.Mult(), ast.Constant(int(right))):
            return str(left * right)
    return ast.unparse(default)


def _help(metadata: ast.expr | None) -> str:
    try:
        found = ast.literal_eval(metadata) if metadata else None
    except ValueError:
        return ""
    text = found.get("help") if isinstance(found, dict) else None
    return " ".join(str(text).split()) if text else ""


def _own_variables(node: ast.ClassDef) -> Iterator[tuple[str, object]]:
    for each in node.body:
        targets = each.targets if isinstance(each, ast.Assign) else ()
        annotated = each.target if isinstance(each, ast.AnnAssign) else None
        value = each.value if isinstance(each, (ast.Assign, ast.AnnAssign)) else None
        for target in (*targets, annotated):
            if isinstance(target, ast.Name) and value is not None:
                yield target.id, _literal(value)


def _literal(node: ast.expr) -> object:
    """A literal's value; of a dict whose values are names (``sub_configs``) those names."""
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {key.value: _literal(value) for key, value in pairs if isinstance(key, ast.Constant)}
    if isinstance(node, ast.Name):
        return node.id
    try:
        return ast.literal_eval(node)
    except (ValueError, RecursionError, MemoryError):
        return None
