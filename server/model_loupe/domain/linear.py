"""The linear layers of a model, as far as tensor names and shapes tell them."""

from __future__ import annotations

from model_loupe.domain.dtypes import BY_NAME
from model_loupe.domain.lean_typing import NamedTuple
from model_loupe.domain.tensors import TensorTable

# Matrices that no adapter of "all linear layers" goes on: embeddings, and the output layer (PEFT leaves it
# out), by words in their names.
_NOT_ADAPTED = ("embed", "wte", "wpe", "lm_head", "shared.weight", "relative_attention_bias", "router")


class LinearLayers(NamedTuple):
    """``weights`` elements in matrices; ``sides`` the sum of each one's rows and columns."""

    layers: int
    weights: int
    sides: int

    def lora_parameters(self, rank: int) -> int:
        """A pair of matrices for each layer: ``rank × columns`` and ``rows × rank`` (arXiv:2106.09685)."""
        return rank * self.sides


def linear_layers(table: TensorTable, without: frozenset[str] = frozenset()) -> LinearLayers:
    """The matrices that ``target_modules="all-linear"`` of PEFT would go on.

    Left out are embeddings, the output layer, and the names ``without``. Experts that are stacked in one
    tensor of three dimensions are no linear layers to PEFT either.
    """
    layers = weights = sides = 0
    for kind in table.kinds:
        dtype = BY_NAME.get(kind.dtype)
        if len(kind.shape) != 2 or (dtype and not dtype.is_floating):
            continue
        count = sum(_is_linear(name) and name not in without for name in table.names_of(kind))
        layers += count
        weights += count * kind.elements
        sides += count * sum(kind.shape)
    return LinearLayers(layers, weights, sides)


def _is_linear(name: str) -> bool:
    if not name.endswith(".weight") or name in ("output.weight", "score.weight", "classifier.weight"):
        return False
    return not any(word in name for word in _NOT_ADAPTED)
