"""What a GGUF file's name says of its encoding, held against its tensors."""

from __future__ import annotations

from collections import Counter

from model_loupe.checkpoints.gguf.splits import split_files
from model_loupe.checkpoints.weights import Weights
from model_loupe.domain.warnings import Warning

# llama.cpp mixes types: of a Q4_K_M, Q6_K is meant to be a part. With less than this it is another thing.
_EXPECTED_SHARE = 1 / 3
_FLOATS = {"F16": "float16", "FP16": "float16", "BF16": "bfloat16", "F32": "float32", "FP32": "float32"}


def encoding_warnings(weights: Weights) -> list[Warning]:
    """A warning where a file's name claims an encoding that few of its weights have.

    Blocks of the K encodings are 256 wide: llama.cpp gives rows of another width another type.
    """
    name = weights.shards[0].name
    claimed = split_files([name])[0].label.upper().removeprefix("UD-")
    elements: Counter[str] = Counter()
    for kind, count in weights.table.kinds.items():
        elements[kind.dtype] += kind.elements * count
    total = elements.total()
    expected = _FLOATS.get(claimed) or next((each for each in _stems(claimed) if each in _TYPES), None)
    if not weights.complete or not total or expected is None:
        return []
    share = elements[expected] / total
    if share >= _EXPECTED_SHARE:
        return []
    truth = ", ".join(f"{100 * count / total:.0f} % {dtype}" for dtype, count in elements.most_common(5))
    message = (
        f"{name} is named {claimed}, but {100 * share:.0f} % of its weights are {expected}: they are {truth}"
    )
    return [Warning("encoding-name", message)]


def _stems(claimed: str) -> list[str]:
    """``Q4_K_M``, ``Q4_K``, ``Q4``."""
    parts = claimed.split("_")
    return ["_".join(parts[:length]) for length in range(len(parts), 0, -1)]


_TYPES = frozenset(
    (
        *("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "Q8_K"),
        *("IQ1_S", "IQ2_XXS", "IQ3_XXS", "IQ4_NL", "IQ4_XS", "TQ1_0", "TQ2_0", "MXFP4", "NVFP4"),
    )
)
