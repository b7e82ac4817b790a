"""From stored elements to parameters.

*Elements* are what the files store, *parameters* what the model has: tied weights count once, buffers
(registered with ``register_buffer``: position ids, rotary frequencies, batch-norm statistics) and the scales
of quantised weights are none.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from model_loupe.domain.dtypes import BY_NAME
from model_loupe.domain.experts import Experts, is_routed
from model_loupe.domain.quantization import Scheme
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
_EMBEDDINGS = ("embed_tokens.weight", "wte.weight", "word_embeddings.weight", "embed_in.weight")
_HEADS = ("lm_head.weight", "embed_out.weight", "output.weight")


class DTypeCount(NamedTuple):
    """What the tensors of one stored dtype add up to. ``bytes`` are of tensor data."""

    tensors: int
    elements: int
    parameters: int
    bytes: int


class QuantizedCount(NamedTuple):
    """The quantised weights of a model: how many, and the bytes of them and of what unpacks them."""

    parameters: int
    bytes: int
    overhead_bytes: int

    @property
    def bits_per_parameter(self) -> float:
        """What a quantised weight takes, scales and the like included."""
        return 8 * (self.bytes + self.overhead_bytes) / self.parameters if self.parameters else 0.0


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
    quantized: QuantizedCount | None
    exact: bool
    reason: str | None


class CountingFacts(NamedTuple):
    """What counting needs besides the tensors.

    ``tie_word_embeddings`` is None where the config is silent; ``shared`` are names that the weight files
    themselves store once (a pickle's tensors on one storage).
    """

    architecture: str | None
    tie_word_embeddings: bool | None
    scheme: Scheme | None
    experts: Experts | None
    shared: list[list[str]]


def count_parameters(table: TensorTable, facts: CountingFacts, *, complete: bool) -> ParameterCount:
    """Counts over one set of weights; ``complete`` says that all its headers were read."""
    buffers = table.count_ending(lambda kind: _buffer_endings(kind, facts))
    overhead = table.count_ending(lambda kind: _overhead_endings(kind, facts))
    shared = _shared(table, facts)
    tied, stored_twice = _tied(table, facts)
    # What the file itself shares needs no assumption.
    known_twice = {name for group in shared for name in group[1:]}
    stored_twice -= known_twice | {name for group in shared for name in group}
    tied = shared + [group for group in tied if not any(set(group) <= set(known) for known in shared)]
    repeated = Counter(table.tensors[name] for name in known_twice | stored_twice)
    packed = _packed(table, facts.scheme, overhead) if facts.scheme else []
    by_dtype = _by_dtype(table.kinds, packed, buffers, overhead, repeated)
    reason = _inexact(table, facts, complete, stored_twice)
    known = complete and len(table) > 0
    total = sum(count.parameters for count in by_dtype.values()) if known else None
    return ParameterCount(
        total=total,
        trainable=total if facts.scheme is None else None,
        active=_active(total, table, packed, overhead, facts),
        buffers=_elements(buffers),
        overhead=_elements(overhead),
        by_dtype=by_dtype,
        tied=tied,
        quantized=_quantized(packed, overhead) if packed else None,
        exact=reason is None,
        reason=reason,
    )


def _inexact(
    table: TensorTable, facts: CountingFacts, complete: bool, stored_twice: frozenset[str]
) -> str | None:
    if not len(table):
        return "no weights could be read"
    if not complete:
        return "not all weight files are here"
    if facts.scheme and not facts.scheme.known:
        return f"quantised by {facts.scheme.name}, which is not known here: stored elements are counted"
    if stored_twice:
        return "the file stores both tied tensors; counted once, as the config ties them (not compared)"
    return None


def _buffer_endings(kind: TensorKind, facts: CountingFacts) -> tuple[str, ...]:
    """How the names of buffers of this kind end; most kinds have none, and their names need no look."""
    floating = _is_floating(kind)
    if not floating and facts.scheme is None:
        # Gradients need floating point: a tensor of integers can be no parameter, unless it is packed.
        return ("",)
    # GPT-2's causal mask: a lower triangle [1, 1, n, n] that old checkpoints call "bias".
    masks = (".attn.bias",) if len(kind.shape) == 4 else ()
    # Floating matrices are weights.
    return masks + _BUFFERS if len(kind.shape) < 2 or not floating else masks


def _is_floating(kind: TensorKind) -> bool:
    dtype = BY_NAME.get(kind.dtype)
    return dtype is None or dtype.is_floating


def _overhead_endings(kind: TensorKind, facts: CountingFacts) -> tuple[str, ...]:
    scheme = facts.scheme
    # Where every FP8 tensor is a weight, their names (most of the model's) need no look.
    if scheme is None or any(
        not packing.ending and kind.dtype in packing.dtypes for packing in scheme.packings
    ):
        return ()
    return scheme.overhead


class _Packed(NamedTuple):
    """``tensors`` tensors of one kind, each of which holds ``parameters`` quantised weights."""

    kind: TensorKind
    tensors: int
    parameters: int


def _packed(table: TensorTable, scheme: Scheme, overhead: dict[TensorKind, int]) -> list[_Packed]:
    found: list[_Packed] = []
    for kind, names in table.names_by_kind.items():
        packing = next((each for each in scheme.packings if kind.dtype in each.dtypes), None)
        if packing is None:
            continue
        if packing.ending:
            count = len([True for name in names if name.endswith(packing.ending)])
        else:
            count = len(names) - overhead.get(kind, 0)
        if count:
            found.append(_Packed(kind, count, kind.elements * packing.values // packing.per))
    return found


def _quantized(packed: list[_Packed], overhead: dict[TensorKind, int]) -> QuantizedCount:
    return QuantizedCount(
        parameters=sum(each.tensors * each.parameters for each in packed),
        bytes=sum(each.tensors * each.kind.nbytes for each in packed),
        overhead_bytes=sum(kind.nbytes * count for kind, count in overhead.items()),
    )


def _active(
    total: int | None,
    table: TensorTable,
    packed: list[_Packed],
    overhead: dict[TensorKind, int],
    facts: CountingFacts,
) -> int | None:
    """Parameters that one token meets: everything dense, and its share of the routed experts.

    Experts are of one size, so that is ``per_token / total`` of their sum.
    """
    experts, scheme = facts.experts, facts.scheme
    if total is None or experts is None:
        return None
    logical = {each.kind: each.parameters for each in packed}
    endings = scheme.overhead if scheme else ()
    routed = 0
    for kind, names in table.names_by_kind.items():
        count = len([True for name in names if is_routed(name)])
        if count and kind in overhead and endings:
            count -= len([True for name in names if is_routed(name) and name.endswith(endings)])
        routed += count * logical.get(kind, kind.elements)
    if routed == 0 or routed % experts.total:
        return None
    return total - routed + routed // experts.total * experts.per_token


def _shared(table: TensorTable, facts: CountingFacts) -> list[list[str]]:
    groups = ([name for name in group if name in table.tensors] for group in facts.shared)
    return [group for group in groups if len(group) > 1]


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


def _by_dtype(
    kinds: dict[TensorKind, int], packed: list[_Packed], *not_parameters: dict[TensorKind, int]
) -> dict[str, DTypeCount]:
    unpacked = {each.kind: each.tensors * (each.parameters - each.kind.elements) for each in packed}
    sums: dict[str, list[int]] = {}
    for kind, count in kinds.items():
        parameters = count - sum(excluded.get(kind, 0) for excluded in not_parameters)
        row = sums.setdefault(kind.dtype, [0, 0, 0, 0])
        row[0] += count
        row[1] += count * kind.elements
        row[2] += parameters * kind.elements + unpacked.get(kind, 0)
        row[3] += count * kind.nbytes
    largest_first = sorted(sums.items(), key=lambda item: -item[1][3])
    return {dtype: DTypeCount(*row) for dtype, row in largest_first}


def _elements(kinds: dict[TensorKind, int]) -> int:
    return sum(kind.elements * count for kind, count in kinds.items())
