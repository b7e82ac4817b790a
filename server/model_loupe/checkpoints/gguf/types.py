"""The element types of ggml: how many bytes hold how many weights."""

from __future__ import annotations

from typing import NamedTuple


class GgmlType(NamedTuple):
    """An element type of ggml: ``nbytes`` hold a block of ``block`` weights, with its scales.

    ``dtype`` is what a ``TensorKind`` calls it: PyTorch's name where PyTorch has the type, else ggml's own.
    """

    name: str
    dtype: str
    block: int
    nbytes: int

    @property
    def bits(self) -> float:
        """Bits per weight, scales included."""
        return 8 * self.nbytes / self.block


def _types() -> dict[int, GgmlType]:
    """``enum ggml_type`` in ggml.h; sizes of the blocks: the structs of ggml-common.h."""
    plain = (
        (0, "F32", "float32", 4),
        (1, "F16", "float16", 2),
        (24, "I8", "int8", 1),
        (25, "I16", "int16", 2),
        (26, "I32", "int32", 4),
        (27, "I64", "int64", 8),
        (28, "F64", "float64", 8),
        (30, "BF16", "bfloat16", 2),
    )
    blocks = (
        (2, "Q4_0", 32, 18),
        (3, "Q4_1", 32, 20),
        (6, "Q5_0", 32, 22),
        (7, "Q5_1", 32, 24),
        (8, "Q8_0", 32, 34),
        # Only ever in memory (of 36 bytes in ggml itself); the size of the gguf package.
        (9, "Q8_1", 32, 40),
        (10, "Q2_K", 256, 84),
        (11, "Q3_K", 256, 110),
        (12, "Q4_K", 256, 144),
        (13, "Q5_K", 256, 176),
        (14, "Q6_K", 256, 210),
        (15, "Q8_K", 256, 292),
        (16, "IQ2_XXS", 256, 66),
        (17, "IQ2_XS", 256, 74),
        (18, "IQ3_XXS", 256, 98),
        (19, "IQ1_S", 256, 50),
        (20, "IQ4_NL", 32, 18),
        (21, "IQ3_S", 256, 110),
        (22, "IQ2_S", 256, 82),
        (23, "IQ4_XS", 256, 136),
        (29, "IQ1_M", 256, 56),
        # Q4_0 and IQ4_NL rearranged for some processors: no longer allowed in files (llama.cpp, PR 10446).
        (31, "Q4_0_4_4", 32, 18),
        (32, "Q4_0_4_8", 32, 18),
        (33, "Q4_0_8_8", 32, 18),
        (34, "TQ1_0", 256, 54),
        (35, "TQ2_0", 256, 66),
        (36, "IQ4_NL_4_4", 32, 18),
        (37, "IQ4_NL_4_8", 32, 18),
        (38, "IQ4_NL_8_8", 32, 18),
        (39, "MXFP4", 32, 17),
        (40, "NVFP4", 64, 36),
        (41, "Q1_0", 128, 18),
        (42, "Q2_0", 64, 18),
    )
    table = {number: GgmlType(name, dtype, 1, nbytes) for number, name, dtype, nbytes in plain}
    table.update({number: GgmlType(name, name, block, nbytes) for number, name, block, nbytes in blocks})
    return table


GGML_TYPES: dict[int, GgmlType] = _types()
"""The number of ``enum ggml_type`` → element type."""

BY_DTYPE: dict[str, GgmlType] = {each.dtype: each for each in GGML_TYPES.values()}
"""What ``TensorKind.dtype`` says → element type."""

RETIRED = frozenset((31, 32, 33, 36, 37, 38))
