"""The module tree as JSON (``inspect --json --tree``, schema 1)."""

from __future__ import annotations

from model_loupe.domain.lean_typing import TYPE_CHECKING
from model_loupe.domain.modules import Module, children
from model_loupe.domain.tensors import Tensor, TensorTable

if TYPE_CHECKING:
    from typing import Any

    from model_loupe.inspector.description import Description


def tree_json(description: Description) -> dict[str, Any]:
    """The module tree as nodes ``{path, class, repr, count, parameters, children}``.

    ``class`` and ``repr`` are null below the model: tensor names do not tell them. A folded node's ``path``
    has the range in it, its ``indices`` list the members, and below it the first member stands for all.
    """
    tied = {name: group for group in description.parameters.tied for name in group}
    table = description.weights.table
    node = {"path": "", "class": description.architecture, "repr": description.architecture, "count": 1}
    return {**node, **_contents(table, "", "", tied)}


def _contents(table: TensorTable, prefix: str, path: str, tied: dict[str, list[str]]) -> dict[str, Any]:
    found = children(table, prefix, path)
    return {
        "parameters": [_parameter(tensor, prefix, tied) for tensor in found.parameters],
        "children": [_node(table, module, tied) for module in found.modules],
    }


def _node(table: TensorTable, module: Module, tied: dict[str, list[str]]) -> dict[str, Any]:
    node: dict[str, Any] = {"path": module.path, "class": None, "repr": None, "count": module.copies}
    if module.copies > 1:
        node["indices"] = list(module.indices)
    node.update(tensors=module.tensors, elements=module.elements, bytes=module.nbytes)
    return {**node, **_contents(table, module.prefix, module.path, tied)}


def _parameter(tensor: Tensor, prefix: str, tied: dict[str, list[str]]) -> dict[str, Any]:
    others = [name for name in tied.get(tensor.name, ()) if name != tensor.name]
    return {
        "name": tensor.name.removeprefix(prefix + ".") if prefix else tensor.name,
        "shape": list(tensor.kind.shape),
        "dtype": tensor.kind.dtype,
        "bytes": tensor.kind.nbytes,
        "tied_to": others[0] if others else None,
    }
