"""Values that a program takes from outside unless it is told nothing: options, environment, form fields."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from itertools import pairwise

from model_loupe.documents.facts import EACH, CallSite, Path, given, keyword
from model_loupe.documents.resolve import Bound, Names, place_of
from model_loupe.documents.steps import Step

_GIVEN, _DEFAULT, _FROM_ENVIRONMENT, _PARAMETRIZED = 0.9, 0.7, 0.6, 0.5
_MOST_PARSED = 64

# Calls that say what a value is when nothing else does: the position and keyword of the default, and the
# endings of the full name that mean them.
_WITH_DEFAULT: dict[str, tuple[int | None, str, tuple[str, ...]]] = {
    "getenv": (1, "default", ("getenv",)),
    "get": (1, "default", ("environ.get",)),
    "field": (None, "default", ("field",)),
    "Field": (0, "default", ("Field",)),
    "Option": (0, "default", ("typer.Option", "Option")),
    "Argument": (0, "default", ("typer.Argument", "Argument")),
    "text_input": (1, "value", ("text_input",)),
    "text_area": (1, "value", ("text_area",)),
}


def of_call(node: ast.Call, name: str) -> Iterator[tuple[ast.expr, float]]:
    """The default in ``os.getenv("M", "x")``, ``field(default="x")``, ``typer.Option("x")`` and the like."""
    known = _WITH_DEFAULT.get(name.rpartition(".")[2])
    if known is None or not name.endswith(known[2]):
        return
    position, named, _ = known
    default = given(node, named, position)
    if default is not None and not isinstance(default, ast.Starred):
        yield default, _FROM_ENVIRONMENT if position == 1 else 1.0
    factory = keyword(node, "default_factory")
    if isinstance(factory, ast.Lambda):
        yield factory.body, 1.0


def of_option(names: Names, name: str, path: Path) -> Iterator[list[Step]]:
    """``args.name``: what ``parse_args([…])`` is given in the text, else the default of the option."""
    yield _parsed(names, name, path)
    yield _of_declarations(names, name, path, ("add_argument", "add_option", "DEFINE_string", "DEFINE_enum"))
    yield _set(names, name, path)


def of_parameter(names: Names, bound: Bound, path: Path) -> Iterator[list[Step]]:
    """A function's parameter: the default of its click option, the values that pytest gives it."""
    binding = bound.binding
    if binding.target is not None or binding.certain or binding.origin is not None:
        return
    yield _of_declarations(names, binding.name, path, ("option", "argument"))
    yield _parametrized(names, binding.name, path)


def _step(number: int, site: CallSite, node: ast.expr, certainty: float, path: Path) -> Step:
    return Step(node, place_of(number, site.scope, node), certainty, path)


def _of_declarations(names: Names, name: str, path: Path, callees: Sequence[str]) -> list[Step]:
    found: list[Step] = []
    for callee in callees:
        for number, site in names.calls_by(callee, _destinations).get(name, ()):
            default = given(site.node, "default", 1 if callee.startswith("DEFINE_") else None)
            if default is not None:
                found.append(_step(number, site, default, _DEFAULT, path))
    return found


def _destinations(node: ast.Call) -> list[str]:
    """The names under which an option's value is found."""
    destination = keyword(node, "dest")
    if isinstance(destination, ast.Constant):
        return [str(destination.value)]
    flags = [flag.value for flag in node.args if isinstance(flag, ast.Constant)]
    return [_destination(flag) for flag in flags if isinstance(flag, str)]


def _destination(flag: str) -> str:
    return flag.lstrip("-").replace("-", "_")


def _parsed(names: Names, name: str, path: Path) -> list[Step]:
    """``parser.parse_args(["--model", "gpt2"])``, as notebooks write it."""
    found: list[Step] = []
    for number, site in names.calls("parse_args"):
        arguments = site.node.args[0] if site.node.args else keyword(site.node, "args")
        words = arguments.elts[:_MOST_PARSED] if isinstance(arguments, (ast.List, ast.Tuple)) else []
        for flag, value in pairwise(words):
            text = flag.value if isinstance(flag, ast.Constant) else None
            if isinstance(text, str) and text[:1] == "-" and _destination(text) == name:
                found.append(_step(number, site, value, _GIVEN, path))
    return found


def _set(names: Names, name: str, path: Path) -> list[Step]:
    sites = [(number, site, keyword(site.node, name)) for number, site in names.calls("set_defaults")]
    return [_step(number, site, value, _DEFAULT, path) for number, site, value in sites if value is not None]


def _parametrized(names: Names, name: str, path: Path) -> list[Step]:
    """``@pytest.mark.parametrize("model_id, n", [("gpt2", 1)])``"""
    found: list[Step] = []
    for number, site in names.calls("parametrize"):
        if len(site.node.args) < 2:
            continue
        declared, values = site.node.args[:2]
        if isinstance(declared, ast.Constant) and isinstance(declared.value, str):
            listed = [part.strip() for part in declared.value.split(",")]
        elif isinstance(declared, (ast.Tuple, ast.List)):
            listed = [str(part.value) if isinstance(part, ast.Constant) else "" for part in declared.elts]
        else:
            continue
        if name in listed:
            inner: Path = (EACH,) if len(listed) == 1 else (EACH, listed.index(name))
            found.append(_step(number, site, values, _PARAMETRIZED, (*inner, *path)))
    return found
