"""GGUF: blocks of weights with their scales inside, one tensor of ggml's own type each.

ggml counts a tensor's weights, not its bytes, so shapes are logical already. transformers dequantises the
blocks while it loads them (``load_gguf_checkpoint`` in its ``modeling_gguf_pytorch_utils.py``).
"""

from __future__ import annotations

from model_loupe.domain.quantization.scheme import Packing, Scheme


def gguf_scheme(block_types: frozenset[str], file_type: str | None) -> Scheme | None:
    """The scheme of a file with tensors of ``block_types`` (``Q4_K`` ...); None if there are none.

    ``file_type`` is the encoding that the file itself claims.
    """
    if not block_types:
        return None
    return Scheme("gguf", None, (Packing("", block_types, 1, 1),), (), form=file_type, dequantized=True)
