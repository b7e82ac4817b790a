"""From stored elements to parameters.

*Elements* are what the files store, *parameters* what the model has: tied weights count once, buffers and
the scales of quantised weights are none. Layers for multi-token prediction, which some files hold beyond the
model's own, are in the total but not in what a token meets: transformers leaves them out when it loads.
"""

from __future__ import annotations

from collections import Counter

from model_loupe.domain.buffers import buffers_of
from model_loupe.domain.experts import Experts
from model_loupe.domain.lean_typing import NamedTuple
from model_loupe.domain.quantization import Scheme
from model_loupe.domain.quantization.count import (
    Packed,
    QuantizedCount,
    packed_weights,
    quantized_count,
    routed_parameters,
)
from model_loupe.domain.tensors import TensorKind, TensorTable

_EMBEDDINGS = (
    "embed_tokens.weight",
    "wte.weight",
    "word_embeddings.weight",
    "embed_in.weight",
    "token_embd.weight",
)
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
    names that are one parameter. ``mtp`` is how many of the total are for multi-token prediction; ``active``
    is without them.
    """

    total: int | None
    trainable: int | None
    active: int | None
    mtp: int
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
    themselves store once (a pickle's tensors on one storage). ``mtp`` is how the names of layers for
    multi-token prediction begin.
    """

    architecture: str | None
    tie_word_embeddings: bool | None
    scheme: Scheme | None
    experts: Experts | None
    shared: list[list[str]]
    mtp: tuple[str, ...] = ()


def count_parameters(table: TensorTable, facts: CountingFacts, *, complete: bool) -> ParameterCount:
    """Counts over one set of weights; ``complete`` says that all its headers were read."""
    buffers = buffers_of(table, facts.architecture, packed=facts.scheme is not None)
    overhead = table.count_ending(lambda kind: _overhead_endings(kind, facts))
    shared = _shared(table, facts)
    tied, stored_twice = _tied(table, facts)
    # What the file itself shares needs no assumption.
    known_twice = {name for group in shared for name in group[1:]}
    stored_twice -= known_twice | {name for group in shared for name in group}
    tied = shared + [group for group in tied if not any(set(group) <= set(known) for known in shared)]
    repeated = Counter(table.tensors[name] for name in known_twice | stored_twice)
    packed, guessed = packed_weights(table, facts.scheme, overhead) if facts.scheme else ([], 0)
    by_dtype = _by_dtype(table.kinds, packed, buffers, overhead, repeated)
    reason = _inexact(table, facts, complete, stored_twice, guessed)
    quantized = quantized_count(table, facts.scheme, packed, overhead, buffers) if facts.scheme else None
    known = complete and len(table) > 0
    total = sum(count.parameters for count in by_dtype.values()) if known else None
    mtp = _mtp(table, facts) if total is not None else None
    return ParameterCount(
        total=total,
        trainable=_trainable(total, facts.scheme, quantized),
        active=_active(total, table, packed, overhead, facts, mtp),
        mtp=mtp.total or 0 if mtp else 0,
        buffers=_elements(buffers),
        overhead=_elements(overhead),
        by_dtype=by_dtype,
        tied=tied,
        quantized=quantized if packed else None,
        exact=reason is None,
        reason=reason,
    )


def _trainable(total: int | None, scheme: Scheme | None, quantized: QuantizedCount | None) -> int | None:
    """Parameters that take a gradient as loaded: packed integers and small floats do not."""
    if scheme is None or total is None or scheme.dequantized:
        return total
    return total - quantized.parameters if scheme.known and quantized else None


def _inexact(
    table: TensorTable, facts: CountingFacts, complete: bool, stored_twice: frozenset[str], guessed: int
) -> str | None:
    if not len(table):
        return "no weights could be read"
    if not complete:
        return "not all weight files are here"
    if facts.scheme and not facts.scheme.known:
        return f"quantised by {facts.scheme.name}, which is not known here: stored elements are counted"
    if facts.scheme and facts.scheme.doubt and guessed:
        return f"{facts.scheme.name}: {facts.scheme.doubt}"
    if facts.scheme and not facts.scheme.checked:
        name = " ".join(part for part in (facts.scheme.name, facts.scheme.form) if part)
        return f"{name}: its layout was never checked here against a file that the library wrote"
    if stored_twice:
        return "the file stores both tied tensors; counted once, as the config ties them (not compared)"
    return None


def _overhead_endings(kind: TensorKind, facts: CountingFacts) -> tuple[str, ...]:
    scheme = facts.scheme
    # Where every FP8 tensor is a weight, their names (most of the model's) need no look.
    if scheme is None or any(
        not packing.ending and kind.dtype in packing.dtypes for packing in scheme.packings
    ):
        return ()
    return scheme.overhead


def _active(
    total: int | None,
    table: TensorTable,
    packed: list[Packed],
    overhead: dict[TensorKind, int],
    facts: CountingFacts,
    mtp: ParameterCount | None,
) -> int | None:
    """Parameters that one token meets: everything dense, and its share of the routed experts.

    Experts are of one size, so that is ``per_token / total`` of their sum.
    """
    experts, scheme = facts.experts, facts.scheme
    if total is None or experts is None:
        return None
    routed = routed_parameters(table, packed, overhead, scheme.overhead if scheme else ())
    if routed == 0 or routed % experts.total:
        return None
    beyond = (mtp.active or mtp.total or 0) if mtp else 0
    return total - routed + routed // experts.total * experts.per_token - beyond


def _mtp(table: TensorTable, facts: CountingFacts) -> ParameterCount | None:
    """The layers for multi-token prediction, counted by themselves."""
    if not facts.mtp:
        return None
    found = {name: kind for name, kind in table.tensors.items() if name.startswith(facts.mtp)}
    if not found:
        return None
    alone = facts._replace(mtp=(), shared=[], tie_word_embeddings=False)
    return count_parameters(TensorTable({"": found}), alone, complete=True)


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
        missing = "output.weight" if embedding == "token_embd.weight" else "lm_head.weight"
        return [[missing, embedding]], frozenset()
    if facts.tie_word_embeddings and table.tensors[head].shape == table.tensors[embedding].shape:
        return [[head, embedding]], frozenset({head})
    return [], frozenset()


_TIED_ARCHITECTURES = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")


def _by_dtype(
    kinds: dict[TensorKind, int], packed: list[Packed], *not_parameters: dict[TensorKind, int]
) -> dict[str, DTypeCount]:
    unpacked: Counter[TensorKind] = Counter()
    for each in packed:
        unpacked[each.kind] += len(each.names) * (each.parameters - each.kind.elements)
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
