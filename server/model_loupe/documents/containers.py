"""Functions and methods that hand on the elements of what they are given."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from model_loupe.documents.facts import ANY, EACH, Path, given, keyword


def within(node: ast.Call, name: str, path: Path) -> Iterator[tuple[ast.expr, Path]]:
    """Where a part of what such a call gives is found: the expressions, and the part's path in each."""
    container = _FUNCTIONS.get(name)
    if container is None and isinstance(node.func, ast.Attribute):
        container = _METHODS.get(name)
    return container(node, path) if container is not None else iter(())


def _first(node: ast.Call, path: Path) -> Iterator[tuple[ast.expr, Path]]:
    """``list(x)``, ``sorted(x)``, ``tqdm(x)``"""
    if node.args:
        yield node.args[0], path


def _enumerated(node: ast.Call, path: Path) -> Iterator[tuple[ast.expr, Path]]:
    if node.args and path[:2] == (EACH, 1):
        yield node.args[0], (EACH, *path[2:])


def _zipped(node: ast.Call, path: Path) -> Iterator[tuple[ast.expr, Path]]:
    if len(path) > 1 and path[0] is EACH and isinstance(path[1], int) and path[1] < len(node.args):
        yield node.args[path[1]], (EACH, *path[2:])


def _chosen(node: ast.Call, path: Path) -> Iterator[tuple[ast.expr, Path]]:
    if node.args:
        yield node.args[0], (EACH, *path)


def _selected(node: ast.Call, path: Path) -> Iterator[tuple[ast.expr, Path]]:
    """``st.selectbox("Model", names)``"""
    options = given(node, "options", 1)
    if options is not None:
        yield options, (EACH, *path)


def _param(node: ast.Call, path: Path) -> Iterator[tuple[ast.expr, Path]]:
    """``pytest.param("gpt2", 3, id="small")``"""
    if not path and len(node.args) == 1:
        yield node.args[0], path
    elif path and isinstance(path[0], int) and 0 <= path[0] < len(node.args):
        yield node.args[path[0]], path[1:]


def _dict_items(node: ast.Call, path: Path) -> Iterator[tuple[ast.expr, Path]]:
    if isinstance(node.func, ast.Attribute) and len(path) > 1 and path[0] is EACH and path[1] in (0, 1):
        yield node.func.value, (ANY if path[1] == 1 else EACH, *path[2:])


def _dict_values(node: ast.Call, path: Path) -> Iterator[tuple[ast.expr, Path]]:
    if isinstance(node.func, ast.Attribute) and path[:1] in ((EACH,), (0,), (-1,)):
        yield node.func.value, (ANY, *path[1:])


def _owner(node: ast.Call, path: Path) -> Iterator[tuple[ast.expr, Path]]:
    if isinstance(node.func, ast.Attribute):
        yield node.func.value, path


def _downloaded(node: ast.Call, path: Path) -> Iterator[tuple[ast.expr, Path]]:
    """``snapshot_download("org/model")``: a folder that is loaded as the repository itself would be."""
    place = keyword(node, "local_dir") or given(node, "repo_id", 0)
    if place is not None and not path and keyword(node, "repo_type") is None:
        yield place, path


_Container = Callable[[ast.Call, Path], Iterator[tuple[ast.expr, Path]]]
_FUNCTIONS: dict[str, _Container] = {
    **dict.fromkeys(
        ["list", "tuple", "set", "sorted", "reversed", "tqdm", "track", "iter", "deepcopy"], _first
    ),
    "enumerate": _enumerated,
    "zip": _zipped,
    "product": _zipped,
    "choice": _chosen,
    "next": _chosen,
    **dict.fromkeys(["selectbox", "radio", "select_slider"], _selected),
    "param": _param,
    "snapshot_download": _downloaded,
}
_METHODS: dict[str, _Container] = {
    "items": _dict_items,
    "values": _dict_values,
    "keys": _owner,
    "copy": _owner,
}
