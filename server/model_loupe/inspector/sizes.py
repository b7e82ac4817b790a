"""Where the bytes of a model are: its modules as a tree of sizes, for a treemap."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Any, NamedTuple

from model_loupe.domain.modules import Module, children
from model_loupe.domain.tensors import Tensor, TensorTable

MAX_AREAS = 600
"""More areas than these are too small to be seen."""


class Area(NamedTuple):
    """A module or tensor of ``bytes``; ``dtype`` is a tensor's. Field names are those of the protocol.

    A module that is not divided further has the dtype of most of its bytes. ``copies`` equal modules are one
    area, as big as all of them.
    """

    name: str
    path: str
    bytes: int
    elements: int
    copies: int
    dtype: str
    children: list[Any]


def sizes(table: TensorTable, name: str) -> Area:
    """The model ``name`` divided into at most about ``MAX_AREAS`` areas, the largest divided first."""
    elements, nbytes = table.sums(*table.under(""))
    root = Area(name, "", nbytes, elements, 1, "", [])
    # The largest first; the number keeps equal ones in order and areas from being compared.
    undivided: list[tuple[int, int, str, int, Area]] = [(-nbytes, 0, "", 1, root)]
    count = 1
    while undivided and count < MAX_AREAS:
        _, _, prefix, times, area = heappop(undivided)
        modules, tensors = children(table, prefix, area.path)
        for module in modules:
            below = _module_area(table, module, times)
            area.children.append(below)
            heappush(undivided, (-below.bytes, count, module.prefix, times * module.copies, below))
            count += 1
        area.children.extend(_tensor_area(tensor, area.path, times) for tensor in tensors)
        count += len(tensors)
    return root


def _module_area(table: TensorTable, module: Module, times: int) -> Area:
    """The module's area; ``times``: so many modules like the one that it is in are one area."""
    by_dtype: dict[str, int] = {}
    for kind in table.kinds_between(*table.under(module.prefix)):
        by_dtype[kind.dtype] = by_dtype.get(kind.dtype, 0) + kind.nbytes
    dtype = max(by_dtype, key=lambda name: by_dtype[name], default="")
    nbytes, elements = module.nbytes * times, module.elements * times
    return Area(module.name, module.path, nbytes, elements, module.copies, dtype, [])


def _tensor_area(tensor: Tensor, module: str, times: int) -> Area:
    name, kind = tensor.name.rpartition(".")[2], tensor.kind
    path = f"{module}.{name}" if module else tensor.name
    return Area(name, path, kind.nbytes * times, kind.elements * times, 1, kind.dtype, [])
