"""Every target by name: in which runs it works, what it needs to know of a tensor, how it casts."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

import torch

from . import bitsandbytes, gguf, microscaling
from .elements import range_of, tensor_scaled, torch_dtype
from .microscaling import Scaled
from .tally import Range

UNBOUNDED = Range(0.0, 0.0)


class Whole(NamedTuple):
    """What a format is told of the whole tensor: its largest magnitude, and the scales of its blocks."""

    absmax: float = 0.0
    scales: Any = None


class Format(NamedTuple):
    """How a target casts. ``block`` is the length of its runs; 0 whole rows, 1 single elements.

    ``cast`` takes runs (count, block), what it asked to know of the whole tensor and the number of the first
    run. ``needs`` is ``absmax`` or ``scales`` (of nf4's and fp4's blocks), None: nothing.
    """

    name: str
    block: int
    cast: Callable[[torch.Tensor, Whole, int], Scaled]
    bounds: Range | None = None
    needs: str | None = None
    four_bit: bitsandbytes.FourBit | None = None

    @property
    def is_element_wise(self) -> bool:
        return self.bounds is not None


def format_named(name: str) -> Format | None:
    """The format of a target; None where this torch has no such dtype."""
    make = _BLOCKWISE.get(name)
    if make is not None:
        return make(name)
    dtype = torch_dtype(name)
    return None if dtype is None else _element_wise(name, dtype)


def _element_wise(name: str, dtype: torch.dtype) -> Format:
    return Format(name, 1, lambda runs, whole, at: Scaled(runs.to(dtype), 0), bounds=range_of(dtype))


def _plain(block: int, cast: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[str], Format]:
    return lambda name: Format(name, block, lambda runs, whole, at: Scaled(cast(runs), 0))


def _four_bit(kind: str, *, double: bool) -> Callable[[str], Format]:
    def make(name: str) -> Format:
        caster = bitsandbytes.FourBit(kind)

        def cast(runs: torch.Tensor, whole: Whole, at: int) -> Scaled:
            scales = whole.scales[at : at + len(runs)] if double else None
            return Scaled(caster.cast(runs, scales), 0)

        needs = "scales" if double else None
        return Format(name, bitsandbytes.BLOCK, cast, needs=needs, four_bit=caster)

    return make


def _q4_0(runs: torch.Tensor, whole: Whole, at: int) -> Scaled:
    return Scaled(*gguf.q4_0(runs))


def _mx(element: str) -> Callable[[str], Format]:
    return lambda name: Format(
        name, microscaling.MX_BLOCK, lambda runs, whole, at: microscaling.mx(runs, element)
    )


_BLOCKWISE: dict[str, Callable[[str], Format]] = {
    "int8": _plain(0, bitsandbytes.int8_rows),
    "int8_tensor": lambda name: Format(
        name, 1, lambda runs, whole, at: Scaled(tensor_scaled(runs, whole.absmax), 0), needs="absmax"
    ),
    "int4": _plain(microscaling.INT4_GROUP, microscaling.int4_groups),
    "nf4": _four_bit("nf4", double=False),
    "nf4_double": _four_bit("nf4", double=True),
    "fp4": _four_bit("fp4", double=False),
    "fp4_double": _four_bit("fp4", double=True),
    "mxfp4": _mx("e2m1"),
    "mxfp8": _mx("e4m3"),
    "nvfp4": lambda name: Format(
        name,
        microscaling.NV_BLOCK,
        lambda runs, whole, at: microscaling.nvfp4(runs, whole.absmax),
        needs="absmax",
    ),
    "Q8_0": _plain(gguf.BLOCK, gguf.q8_0),
    "Q4_0": lambda name: Format(name, gguf.BLOCK, _q4_0),
    "Q4_K": _plain(gguf.SUPERBLOCK, gguf.q4_k),
    "Q6_K": _plain(gguf.SUPERBLOCK, gguf.q6_k),
}
