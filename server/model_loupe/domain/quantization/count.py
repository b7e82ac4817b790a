"""Counts the weights in packed tensors, and names what was left unquantised."""

from __future__ import annotations

from collections import defaultdict

from model_loupe.domain.dtypes import BY_NAME
from model_loupe.domain.experts import is_routed
from model_loupe.domain.lean_typing import NamedTuple
from model_loupe.domain.quantization.scheme import Packing, Scheme
from model_loupe.domain.tensors import TensorKind, TensorTable

KindCounts = dict[TensorKind, int]


class Packed(NamedTuple):
    """Tensors of one kind, each of which holds ``parameters`` quantised weights."""

    kind: TensorKind
    names: list[str]
    parameters: int


class PackedWeights(NamedTuple):
    """``guessed`` is how many of the tensors nothing beside them told the size of."""

    found: list[Packed]
    guessed: int


class QuantizedCount(NamedTuple):
    """The quantised weights of a model: how many, and the bytes of them and of what unpacks them.

    ``unquantized`` are the parameters that were left as they are, by the last part of their module's name
    (``lm_head``, ``embed_tokens``; all kinds of norms are ``norms``, all biases ``biases``), largest first.
    """

    parameters: int
    bytes: int
    overhead_bytes: int
    overhead_elements: int
    unquantized: dict[str, int]

    @property
    def bits_per_parameter(self) -> float:
        """What a quantised weight takes, scales and the like included."""
        return 8 * (self.bytes + self.overhead_bytes) / self.parameters if self.parameters else 0.0


def packed_weights(table: TensorTable, scheme: Scheme, overhead: KindCounts) -> PackedWeights:
    """The packed tensors of a checkpoint; ``overhead`` are those of each kind that only help to unpack."""
    found: list[Packed] = []
    guessed = 0
    for kind, names in table.names_by_kind.items():
        taken: set[str] = set()
        for packing in scheme.packings:
            if kind.dtype not in packing.dtypes or (packing.wrapped and _is_plain(kind)):
                continue
            if not packing.ending:
                # Every tensor of this dtype is a weight: most of the model's names need no look.
                found.append(Packed(kind, names, kind.elements * packing.values // packing.per))
                break
            chosen = _chosen(table, packing, names, taken)
            if not chosen:
                continue
            taken.update(chosen)
            if packing.measure is None:
                found.append(Packed(kind, chosen, kind.elements * packing.values // packing.per))
            else:
                guessed += _measured(table, packing, kind, chosen, found)
    return PackedWeights(found, guessed)


def _is_plain(kind: TensorKind) -> bool:
    dtype = BY_NAME.get(kind.dtype)
    return dtype is None or kind.nbytes * 8 == kind.elements * dtype.bits


def _chosen(table: TensorTable, packing: Packing, names: list[str], taken: set[str]) -> list[str]:
    ending, beside = packing.ending, packing.beside
    chosen = [name for name in names if name.endswith(ending) and name not in taken]
    if beside is not None:
        chosen = [name for name in chosen if name.removesuffix(ending) + beside in table.tensors]
    return chosen


def _measured(
    table: TensorTable, packing: Packing, kind: TensorKind, names: list[str], found: list[Packed]
) -> int:
    """Adds the tensors by how many weights each holds; returns how many would not tell."""
    assert packing.measure is not None
    by_size: defaultdict[int | None, list[str]] = defaultdict(list)
    for name in names:
        by_size[packing.measure(name.removesuffix(packing.ending), kind, table.tensors)].append(name)
    silent = by_size.pop(None, [])
    found.extend(Packed(kind, members, size) for size, members in by_size.items() if size is not None)
    if silent:
        found.append(Packed(kind, silent, kind.elements * packing.values // packing.per))
    return len(silent)


def quantized_count(
    table: TensorTable, scheme: Scheme, packed: list[Packed], overhead: KindCounts, buffers: KindCounts
) -> QuantizedCount:
    return QuantizedCount(
        parameters=sum(len(each.names) * each.parameters for each in packed),
        bytes=sum(len(each.names) * each.kind.nbytes for each in packed),
        overhead_bytes=sum(kind.nbytes * count for kind, count in overhead.items()),
        overhead_elements=sum(kind.elements * count for kind, count in overhead.items()),
        unquantized=_unquantized(table, scheme, packed, overhead, buffers),
    )


def routed_parameters(
    table: TensorTable, packed: list[Packed], overhead: KindCounts, endings: tuple[str, ...]
) -> int:
    """Parameters of the routed experts, packed or not; ``endings`` are those of the names of overhead."""
    total = sum(each.parameters * len([True for name in each.names if is_routed(name)]) for each in packed)
    whole, inside = _whole_kinds(table, packed)
    for kind, names in table.names_by_kind.items():
        if kind not in whole and overhead.get(kind, 0) != len(names):
            rest = [name for name in names if is_routed(name) and name not in inside]
            helpers = endings if overhead.get(kind) else ()
            total += kind.elements * len([True for name in rest if not helpers or not name.endswith(helpers)])
    return total


def _whole_kinds(table: TensorTable, packed: list[Packed]) -> tuple[set[TensorKind], set[str]]:
    """The kinds of which every tensor is packed, and the names of the packed tensors of the other kinds."""
    whole = {each.kind for each in packed if len(each.names) == len(table.names_by_kind[each.kind])}
    return whole, {name for each in packed if each.kind not in whole for name in each.names}


def _unquantized(
    table: TensorTable, scheme: Scheme, packed: list[Packed], overhead: KindCounts, buffers: KindCounts
) -> dict[str, int]:
    whole, inside = _whole_kinds(table, packed)
    groups: dict[str, int] = {}
    for kind, names in table.names_by_kind.items():
        helpers = overhead.get(kind, 0)
        if kind in whole or helpers == len(names) or buffers.get(kind, 0):
            continue
        for name in names:
            if name not in inside and not (helpers and name.endswith(scheme.overhead)):
                group = _group(name)
                groups[group] = groups.get(group, 0) + kind.elements
    return dict(sorted(groups.items(), key=lambda item: -item[1]))


def _group(name: str) -> str:
    """``model.layers.0.input_layernorm.weight`` → ``norms``."""
    parts = name.split(".")
    owner = next((part for part in reversed(parts[:-1]) if not part.isdigit()), parts[-1])
    if parts[-1].endswith("bias"):
        return "biases"
    return "norms" if "norm" in owner.lower() or owner.startswith("ln_") else owner
