"""Element types: their names in PyTorch and in safetensors, and how many bits one element takes.

Sources: the ``Dtype`` table of the safetensors format (https://github.com/huggingface/safetensors) and
``torch.dtype``. Where PyTorch has no such type (6-bit floats) the safetensors code, in lower case, is the
name.
"""

from __future__ import annotations

from model_loupe.domain.lean_typing import NamedTuple


class DType(NamedTuple):
    """An element type. ``bits`` is the size of one element as stored."""

    name: str
    bits: int
    is_floating: bool


def _table() -> dict[str, DType]:
    rows = (
        ("BOOL", "bool", 8, False),
        ("F4", "float4_e2m1fn", 4, True),
        ("F6_E2M3", "f6_e2m3", 6, True),
        ("F6_E3M2", "f6_e3m2", 6, True),
        ("U8", "uint8", 8, False),
        ("I8", "int8", 8, False),
        ("F8_E5M2", "float8_e5m2", 8, True),
        ("F8_E4M3", "float8_e4m3fn", 8, True),
        ("F8_E8M0", "float8_e8m0fnu", 8, True),
        ("F8_E4M3FNUZ", "float8_e4m3fnuz", 8, True),
        ("F8_E5M2FNUZ", "float8_e5m2fnuz", 8, True),
        ("I16", "int16", 16, False),
        ("U16", "uint16", 16, False),
        ("F16", "float16", 16, True),
        ("BF16", "bfloat16", 16, True),
        ("I32", "int32", 32, False),
        ("U32", "uint32", 32, False),
        ("F32", "float32", 32, True),
        ("C64", "complex64", 64, True),
        ("F64", "float64", 64, True),
        ("I64", "int64", 64, False),
        ("U64", "uint64", 64, False),
    )
    return {code: DType(name, bits, floating) for code, name, bits, floating in rows}


SAFETENSORS: dict[str, DType] = _table()
"""safetensors code → element type."""

BY_NAME: dict[str, DType] = {dtype.name: dtype for dtype in SAFETENSORS.values()}
"""PyTorch name → element type."""

_ALIASES = {"float": "float32", "half": "float16", "double": "float64", "fp32": "float32", "fp16": "float16"}


def canonical_name(text: str) -> str | None:
    """The PyTorch name for ``torch.bfloat16``, ``"bfloat16"``, ``half`` …; None if it names no dtype."""
    name = text.strip().strip("\"'").removeprefix("torch.")
    name = _ALIASES.get(name, name)
    return name if name in BY_NAME else None
