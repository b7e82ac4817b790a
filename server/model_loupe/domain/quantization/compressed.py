"""compressed-tensors (LLM Compressor, Neural Magic): a format for each group of layers, and sparsity.

Read from ``compressed_tensors.compressors``; the sparse and Marlin formats from its releases before 0.12.
"""

from __future__ import annotations

from model_loupe.domain.lean_typing import TYPE_CHECKING, NamedTuple
from model_loupe.domain.quantization.scheme import (
    FP4,
    FP8,
    I8,
    I32,
    KV_SCALES,
    SCALES,
    U8,
    Packing,
    Scheme,
    mapping,
    text,
    whole,
)
from model_loupe.domain.tensors import TensorKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from model_loupe.domain.quantization.scheme import Measure

_OVERHEAD = (
    *SCALES,
    *KV_SCALES,
    ".weight_shape",
    ".weight_g_idx",
    ".weight_global_scale",
    ".input_global_scale",
    ".k_zero_point",
    ".v_zero_point",
    ".q_zero_point",
    ".output_zero_point",
    # marlin-24
    ".scale_packed",
    ".meta",
    # sparse-bitmask and sparse-24-bitmask
    ".bitmask",
    ".shape",
    ".row_offsets",
)
_DENSE = frozenset({"bfloat16", "float16", "float32"})


class _Group(NamedTuple):
    """How one of the config's groups of layers stores its weights; ``size`` is the group size or None."""

    bits: int
    size: int | None


def compressed_tensors(declared: dict[str, Any], config: dict[str, Any]) -> Scheme:
    groups = list(_groups(declared))
    bits = min((group.bits for group in groups), default=None)
    form = text(declared.get("format"))
    sparsity = text(mapping(declared.get("sparsity_config")).get("format"))
    per_word = 32 // (bits or 4)
    packings = [
        Packing(".weight_packed", U8, 2, 1, measure=_measure_floats),
        Packing(".weight_packed", FP4, 1, 1),
        Packing(".weight", FP8 | I8, 1, 1),
        Packing(".compressed", FP8 | I8 | _DENSE, 2, 1, measure=_measure_sparse),
    ]
    if form == "marlin-24":
        # Of four weights two are stored, each of so many bits; which two is in ``meta``.
        packings.append(Packing(".weight_packed", I32, 2 * per_word, 1))
    else:
        measure = _measure_integers(groups)
        packings.append(Packing(".weight_packed", I32, per_word, 1, measure=measure))
    shown = " + ".join(word for word in (form, None if sparsity == "dense" else sparsity) if word)
    doubt = "the headers do not tell how many weights a packed tensor holds"
    return Scheme("compressed-tensors", bits, tuple(packings), _OVERHEAD, form=shown or None, doubt=doubt)


def _groups(declared: dict[str, Any]) -> Iterator[_Group]:
    for group in mapping(declared.get("config_groups")).values():
        weights = mapping(mapping(group).get("weights"))
        if weights:
            size = weights.get("group_size")
            usable = type(size) is int and 0 < size < 2**20
            yield _Group(whole(weights.get("num_bits"), 8), size if usable else None)


def _measure_integers(groups: list[_Group]) -> Measure:
    """Finds the group of the config that the shapes of a packed matrix and its scales agree with."""

    def measure(stem: str, kind: TensorKind, tensors: Mapping[str, TensorKind]) -> int | None:
        scale = tensors.get(stem + ".weight_scale")
        if not kind.shape or not kind.shape[-1]:
            return kind.elements
        words = kind.shape[-1]
        rows = kind.elements // words
        found = {columns for group in groups for columns in _columns(group, words, rows, scale)}
        return rows * found.pop() if len(found) == 1 else None

    return measure


def _columns(group: _Group, words: int, rows: int, scale: TensorKind | None) -> Iterator[int]:
    """Widths that would pack into ``words`` int32 under ``group``.

    In 0.20 values follow each other without a gap; in older releases an int32 held as many whole values as
    fit, which is the same for 1, 2, 4 and 8 bits.
    """
    bits, size = group
    per_word = 32 // bits
    if size is not None:
        columns = scale.elements // rows * size if scale is not None and rows else 0
        if columns and words in (-(-columns * bits // 32), -(-columns // per_word)):
            yield columns
    elif per_word * bits == 32:
        yield words * per_word
    # A scale a row, and 3, 5, 6 or 7 bits: the last word may be filled up, and nothing tells how far.


def _measure_floats(stem: str, kind: TensorKind, tensors: Mapping[str, TensorKind]) -> int | None:
    """NVFP4 has a scale for 16 values; MXFP4 and MXFP6 (three bytes for four values) one for 32."""
    scale = tensors.get(stem + ".weight_scale")
    if scale is None or not scale.elements:
        return None
    packed_per_scale, rest = divmod(kind.elements, scale.elements)
    values = {8: 16, 16: 32, 24: 32}.get(packed_per_scale)
    return None if rest or values is None else scale.elements * values


def _measure_sparse(stem: str, kind: TensorKind, tensors: Mapping[str, TensorKind]) -> int | None:
    """The bitmask has a bit for each weight, zero or not, the last byte of a row filled up."""
    mask = tensors.get(stem + ".bitmask")
    if mask is None:
        return None
    # 2:4: exactly half is stored, so the width follows even where it is no multiple of eight.
    if len(kind.shape) == 2 and -(-2 * kind.shape[1] // 8) == mask.shape[-1]:
        return kind.elements * 2
    return mask.elements * 8
