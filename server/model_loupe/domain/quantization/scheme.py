"""What a scheme is: which tensors hold packed weights, and which only help to unpack them."""

from __future__ import annotations

from model_loupe.domain.lean_typing import TYPE_CHECKING, NamedTuple
from model_loupe.domain.tensors import TensorKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    Measure = Callable[[str, TensorKind, Mapping[str, TensorKind]], int | None]
    """Weights in one packed tensor, from its name's stem, its kind, and all tensors; None: cannot tell."""


class Packing(NamedTuple):
    """Tensors of ``dtypes`` whose names end in ``ending`` hold ``values`` weights in ``per`` elements.

    ``beside``: it is packed only if the tensor of that ending stands beside it (a bfloat16 ``.weight`` may be
    packed or not). ``measure`` asks the tensors beside it how many weights it holds, which tells padding and
    layers of other bits than the config's; where they do not tell, ``values / per`` is taken.
    ``wrapped``: only tensors whose bytes are not those of their dtype and shape are packed: a pickle's tensor
    subclass says its logical shape, and its bytes are of the tensors inside, scales included.
    """

    ending: str
    dtypes: frozenset[str]
    values: int
    per: int
    beside: str | None = None
    measure: Measure | None = None
    wrapped: bool = False


class Scheme(NamedTuple):
    """A way to store quantised weights.

    ``name`` is the ``quant_method`` of the config, ``form`` the variant of it (``nf4``, ``pack-quantized``).
    ``overhead`` are the endings of the names of scales, zero points and the like. ``known`` is False for a
    scheme without rules here. ``doubt`` says why a packed tensor that could not be measured is counted only
    roughly (layers of several widths); None where the config's bits hold for all. ``checked`` is False where
    the rules were held against no file and no source of the library that writes them. ``dequantized``:
    transformers unpacks the weights while it loads them, so they are ordinary parameters then.
    """

    name: str
    bits: int | None
    packings: tuple[Packing, ...]
    overhead: tuple[str, ...]
    known: bool = True
    form: str | None = None
    doubt: str | None = None
    checked: bool = True
    dequantized: bool = False


FP8 = frozenset({"float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz"})
FP4 = frozenset({"float4_e2m1fn"})
I32 = frozenset({"int32", "uint32"})
I16 = frozenset({"int16", "uint16"})
I64 = frozenset({"int64", "uint64"})
I8 = frozenset({"int8"})
U8 = frozenset({"uint8"})

BITSANDBYTES_STATES = (".quant_state.bitsandbytes__nf4", ".quant_state.bitsandbytes__fp4")
SCALES = (".weight_scale", ".weight_scale_inv", ".input_scale", ".weight_zero_point", ".input_zero_point")
KV_SCALES = (".k_scale", ".v_scale", ".q_scale", ".kv_scale", ".output_scale")


def whole(value: object, default: int) -> int:
    """``value`` if it can be a number of bits, else ``default``."""
    return value if type(value) is int and 0 < value <= 16 else default


def text(value: object) -> str | None:
    """``value`` if it is a word, short enough to show."""
    return value if isinstance(value, str) and 0 < len(value) <= 60 else None


def mapping(value: object) -> dict[str, Any]:
    """``value`` if it is a JSON object, else an empty one: configs are not trusted to be well formed."""
    return value if isinstance(value, dict) else {}
