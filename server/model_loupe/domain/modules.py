"""The module tree that tensor names spell, with equal numbered siblings folded as ``print(model)`` does.

Nothing is built as a whole: the children of one module are computed from slices of the sorted names.
"""

from __future__ import annotations

from bisect import bisect_left

from model_loupe.domain.lean_typing import TYPE_CHECKING, NamedTuple
from model_loupe.domain.tensors import Tensor, TensorTable

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_DEPTH = 48
"""Below this many dots a name is not split further: only a hostile file has such names."""
_MANY = 1000


class Module(NamedTuple):
    """A module, or ``copies`` equal ones (``indices``), below another.

    ``name`` is ``q_proj`` or ``0-17``, ``path`` the dotted path with such ranges in it, ``prefix`` the real
    path of the first. ``tensors``, ``elements`` and ``nbytes`` are of all copies together.
    """

    name: str
    path: str
    prefix: str
    copies: int
    indices: tuple[int, ...]
    tensors: int
    elements: int
    nbytes: int


class Children(NamedTuple):
    """What a module holds directly, in the order of the names (numbers by value)."""

    modules: Sequence[Module]
    parameters: Sequence[Tensor]


def children(table: TensorTable, prefix: str = "", path: str = "") -> Children:
    """The direct children of the module ``prefix`` (``""``: the model), shown under ``path``.

    Those of a module that has very many are kept until those of another are: they are looked at page by page.
    """
    asked = prefix, path
    # Read once: other threads look at other levels.
    level = table.level
    if level is not None and level[0] == asked:
        return level[1]
    found = _children(table, prefix, path)
    if len(found.modules) + len(found.parameters) >= _MANY:
        table.level = asked, found
    return found


def _children(table: TensorTable, prefix: str, path: str) -> Children:
    start, end = table.under(prefix)
    names = table.names
    cut = len(prefix) + 1 if prefix else 0
    splits = prefix.count(".") < MAX_DEPTH
    ranges: list[tuple[str, int, int]] = []
    parameters: list[Tensor] = []
    position = start
    while position < end:
        part, dot, _ = names[position][cut:].partition(".")
        # A name that begins with a dot has no first part to open.
        if not dot or not splits or not (prefix or part):
            tensor = table.get(names[position])
            if tensor:
                parameters.append(tensor)
            position += 1
            continue
        stop = bisect_left(names, names[position][:cut] + part + "/", position, end)
        ranges.append((part, position, stop))
        position = stop
    numbered = [item for item in ranges if _is_index(item[0])]
    named = [item for item in ranges if not _is_index(item[0])]
    numbered.sort(key=lambda item: int(item[0]))
    modules = [_module(table, prefix, path, [item]) for item in named]
    modules += [_module(table, prefix, path, run) for run in _runs(table, cut, numbered)]
    return Children(modules, parameters)


def _is_index(part: str) -> bool:
    return part.isascii() and part.isdigit() and len(part) < 10


def _runs(
    table: TensorTable, cut: int, numbered: list[tuple[str, int, int]]
) -> list[list[tuple[str, int, int]]]:
    """Neighbours with consecutive numbers that hold the same tensors, shape by shape."""
    runs: list[list[tuple[str, int, int]]] = []
    for item in numbered:
        previous = runs[-1][-1] if runs else None
        if previous and int(item[0]) == int(previous[0]) + 1 and _alike(table, cut, previous, item):
            runs[-1].append(item)
        else:
            runs.append([item])
    return runs


def _alike(table: TensorTable, cut: int, one: tuple[str, int, int], other: tuple[str, int, int]) -> bool:
    if table.kinds_between(*one[1:]) != table.kinds_between(*other[1:]):
        return False
    one_cut, other_cut = cut + len(one[0]), cut + len(other[0])
    return all(
        left[one_cut:] == right[other_cut:]
        for left, right in zip(table.names[slice(*one[1:])], table.names[slice(*other[1:])], strict=True)
    )


def _module(table: TensorTable, prefix: str, path: str, run: list[tuple[str, int, int]]) -> Module:
    first, last = run[0][0], run[-1][0]
    name = first if len(run) == 1 else f"{first}-{last}"
    elements = nbytes = 0
    for _, start, end in run:
        more_elements, more_bytes = table.sums(start, end)
        elements += more_elements
        nbytes += more_bytes
    return Module(
        name=name,
        path=f"{path}.{name}" if path else name,
        prefix=f"{prefix}.{first}" if prefix else first,
        copies=len(run),
        indices=tuple(int(part) for part, _, _ in run) if len(run) > 1 else (),
        tensors=sum(end - start for _, start, end in run),
        elements=elements,
        nbytes=nbytes,
    )
