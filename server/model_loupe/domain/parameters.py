"""From stored elements to parameters.

*Elements* are what the files store, *parameters* what the model has: tied weights count once, buffers
(registered with ``register_buffer``: position ids, rotary frequencies, batch-norm statistics) and the scales
of quantised weights are none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from model_loupe.domain.dtypes import BY_NAME
from model_loupe.domain.tensors import TensorKind, TensorTable

# Buffers that libraries have saved with their models, by the last part of the name.
_BUFFERS = (
    "position_ids",
    "token_type_ids",
    "inv_freq",
    "masked_bias",
    "running_mean",
    "running_var",
    "num_batches_tracked",
    "relative_position_index",
)
_BUFFER_SUFFIXES = tuple(f".{name}" for name in _BUFFERS)
# Scales beside FP8 weights: DeepSeek's blocks (weight_scale_inv), compressed-tensors and fbgemm (the others).
_FP8_SCALE_SUFFIXES = (".weight_scale_inv", ".weight_scale", ".input_scale", ".input_scale_ub")
_FP8_SCHEMES = {"fp8", "fbgemm_fp8"}
_EMBEDDINGS = ("embed_tokens.weight", "wte.weight", "word_embeddings.weight", "embed_in.weight")
_HEADS = ("lm_head.weight", "embed_out.weight", "output.weight")


class DTypeCount(NamedTuple):
    """What the tensors of one stored dtype add up to. ``bytes`` are of tensor data."""

    tensors: int
    elements: int
    parameters: int
    bytes: int


class ParameterCount(NamedTuple):
    """A model's parameters. ``total`` is None where the files that are here cannot tell it.

    ``exact`` is False where an assumption was made, which ``reason`` then names. ``buffers`` and
    ``overhead`` (scales of quantised weights) are elements that are no parameters. ``tied`` lists groups of
    names that are one parameter.
    """

    total: int | None
    trainable: int | None
    active: int | None
    buffers: int
    overhead: int
    by_dtype: dict[str, DTypeCount]
    tied: list[list[str]]
    exact: bool
    reason: str | None


class CountingFacts(NamedTuple):
    """What counting needs from the config. ``tie_word_embeddings`` is None where the config is silent."""

    architecture: str | None
    tie_word_embeddings: bool | None
    quant_method: str | None


def count_parameters(table: TensorTable, facts: CountingFacts, *, complete: bool) -> ParameterCount:
    """Counts over one set of weights; ``complete`` says that all its headers were read."""
    buffers = _buffers(table, facts)
    overhead = _overhead(table, facts)
    tied, stored_twice = _tied(table, facts)
    by_dtype = _by_dtype(table, buffers, overhead, stored_twice)
    total = sum(count.parameters for count in by_dtype.values())
    reason = _inexact(table, facts, complete, stored_twice)
    if not complete or not len(table) or (facts.quant_method and facts.quant_method not in _FP8_SCHEMES):
        return ParameterCount(None, None, None, _elements(table, buffers), _elements(table, overhead), by_dtype,
                              tied, False, reason)  # fmt: skip
    trainable = total if facts.quant_method is None else None
    return ParameterCount(
        total,
        trainable,
        None,
        _elements(table, buffers),
        _elements(table, overhead),
        by_dtype,
        tied,
        reason is None,
        reason,
    )


def _inexact(
    table: TensorTable, facts: CountingFacts, complete: bool, stored_twice: frozenset[str]
) -> str | None:
    if not len(table):
        return "no weights could be read"
    if not complete:
        return "not all weight files are here"
    if facts.quant_method and facts.quant_method not in _FP8_SCHEMES:
        return f"weights are packed by {facts.quant_method}, which is not unpacked yet"
    if stored_twice:
        return "the file stores both tied tensors; counted once, as the config ties them (not compared)"
    return None


def _buffers(table: TensorTable, facts: CountingFacts) -> frozenset[str]:
    named = {name for name in table.tensors if name.endswith(_BUFFER_SUFFIXES)}
    named.update(name for name in _BUFFERS if name in table.tensors)
    # GPT-2's causal mask: a lower triangle [1, 1, n, n] that old checkpoints call "bias".
    for name in table.tensors:
        if name.endswith(".attn.bias") and len(table.tensors[name].shape) == 4:
            named.add(name)
    if facts.quant_method is None:
        # Gradients need floating point: a tensor of integers can be no parameter, unless it is packed.
        whole = {kind for kind in table.kinds if not _is_floating(kind)}
        if whole:
            named.update(name for name, kind in table.tensors.items() if kind in whole)
    return frozenset(named)


def _is_floating(kind: TensorKind) -> bool:
    dtype = BY_NAME.get(kind.dtype)
    return dtype is None or dtype.is_floating


def _overhead(table: TensorTable, facts: CountingFacts) -> frozenset[str]:
    if facts.quant_method not in _FP8_SCHEMES:
        return frozenset()
    return frozenset(name for name in table.tensors if name.endswith(_FP8_SCALE_SUFFIXES))


def _tied(table: TensorTable, facts: CountingFacts) -> tuple[list[list[str]], frozenset[str]]:
    """Tied groups, and the names that the files store although another of their group is stored too.

    A causal language model without a stored head uses its embedding as the head
    (``tie_word_embeddings``; ``PreTrainedModel.tie_weights`` in transformers).
    """
    if facts.tie_word_embeddings is False or not (facts.architecture or "").endswith(_TIED_ARCHITECTURES):
        return [], frozenset()
    embedding = next((name for name in table.tensors if name.endswith(_EMBEDDINGS)), None)
    if embedding is None:
        return [], frozenset()
    head = next((name for name in _HEADS if name in table.tensors), None)
    if head is None:
        return [["lm_head.weight", embedding]], frozenset()
    if facts.tie_word_embeddings and table.tensors[head].shape == table.tensors[embedding].shape:
        return [[head, embedding]], frozenset({head})
    return [], frozenset()


_TIED_ARCHITECTURES = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")


def _by_dtype(table: TensorTable, *not_parameters: frozenset[str]) -> dict[str, DTypeCount]:
    excluded: Counter[TensorKind] = Counter()
    for names in not_parameters:
        excluded.update(map(table.tensors.__getitem__, names))
    sums: dict[str, list[int]] = {}
    for kind, count in table.kinds.items():
        row = sums.setdefault(kind.dtype, [0, 0, 0, 0])
        row[0] += count
        row[1] += count * kind.elements
        row[2] += (count - excluded[kind]) * kind.elements
        row[3] += count * kind.nbytes
    largest_first = sorted(sums.items(), key=lambda item: -item[1][3])
    return {dtype: DTypeCount(*row) for dtype, row in largest_first}


def _elements(table: TensorTable, names: Iterable[str]) -> int:
    return sum(table.tensors[name].elements for name in names)
