"""A model cut at the height of its layers."""

from __future__ import annotations

from model_loupe.domain.lean_typing import NamedTuple
from model_loupe.domain.modules import Module, children
from model_loupe.domain.tensors import TensorTable


class Block(NamedTuple):
    """A part of a model at the height of its layers: ``model.layers.0-17``, ``copies`` of which are alike."""

    path: str
    copies: int
    tensors: int
    elements: int
    nbytes: int


def blocks(table: TensorTable) -> list[Block]:
    """The model cut where its numbered layers are: what is outside of them stands by itself."""
    return _blocks(table, "", "")


def _blocks(table: TensorTable, prefix: str, path: str) -> list[Block]:
    found = children(table, prefix, path)
    result: list[Block] = []
    for module in found.modules:
        below = [] if module.copies > 1 or _is_number(module) else _blocks(table, module.prefix, module.path)
        # A module without layers in it is one block, however it is built.
        if any(block.copies > 1 for block in below):
            result.extend(below)
        else:
            result.append(_block(module))
    result.extend(
        Block(tensor.name, 1, 1, tensor.kind.elements, tensor.kind.nbytes) for tensor in found.parameters
    )
    return result


def _is_number(module: Module) -> bool:
    return module.name.isdigit()


def _block(module: Module) -> Block:
    return Block(module.path, module.copies, module.tensors, module.elements, module.nbytes)
