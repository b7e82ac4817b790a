"""What a model takes in memory to run and to train: sums over weights, gradients, optimizer states and cache.

Bytes per parameter are those of ZeRO (https://arxiv.org/abs/1910.02054, section 3.1), of transformers'
"Model training anatomy", of LoRA (https://arxiv.org/abs/2106.09685) and QLoRA
(https://arxiv.org/abs/2305.14314). Activations, temporary buffers and what the allocator and the CUDA context
take are not in these sums: they depend on the engine, the sequence and the kernels.
"""

from __future__ import annotations

from model_loupe.domain.dtypes import BY_NAME
from model_loupe.domain.kv_cache import KvCache
from model_loupe.domain.lean_typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

LORA_RANK = 16
"""The rank that LoRA estimates are made with, on all linear layers (QLoRA's choice of layers)."""

# 4-bit codes with a scale for each 64, and the scales themselves quantised (QLoRA, section 3): 4 + 0.127.
_NF4_BITS = 4 + 8 / 64 + 32 / (64 * 256)
_ANATOMY = 'transformers, "Model training anatomy"'


class Usage(NamedTuple):
    """For how many tokens of each of how many sequences a cache is kept."""

    context: int
    batch: int


class Wanted(NamedTuple):
    """The context and batch that a user asked for; None where they did not."""

    context: int | None = None
    batch: int | None = None


class Estimate(NamedTuple):
    """The sum of ``parts`` (bytes by what they are for), the ``formula`` behind it and where that is from."""

    key: str
    label: str
    parts: Mapping[str, int]
    formula: str
    source: str

    @property
    def nbytes(self) -> int:
        return sum(self.parts.values())


def inference(weight_bytes: int, dtype: str, cache: KvCache | None, usage: Usage) -> Estimate:
    """Weights as loaded, and the KV cache of ``usage`` where one is known."""
    parts = {"weights": weight_bytes}
    formula = f"weights {weight_bytes:,} B at {dtype}"
    if cache is not None:
        parts["kv_cache"] = usage.batch * cache.bytes_at(usage.context)
        formula += f" + KV cache of {usage.batch} × {usage.context:,} tokens at {cache.dtype}"
    return Estimate("inference", "Inference", parts, formula, "the headers; DynamicCache of transformers")


def full_training(parameters: int, dtype: str) -> list[Estimate]:
    """Training all ``parameters`` with AdamW; ``dtype`` is the one they are loaded at."""
    size = BY_NAME[dtype].bits // 8
    estimates = [
        _training(
            "training_mixed",
            "Training, AdamW, mixed precision",
            parameters,
            {"weights": 2, "gradients": 2, "float32_copy": 4, "adam_states": 8},
            "16-bit weights 2 + gradients 2 + float32 copy 4 + momentum 4 + variance 4",
            "ZeRO, arXiv:1910.02054, section 3.1",
        ),
        _training(
            "training_float32",
            "Training, AdamW, float32 weights",
            parameters,
            {"weights": 4, "gradients": 4, "adam_states": 8},
            "weights 4 + gradients 4 + momentum 4 + variance 4",
            _ANATOMY,
        ),
        _training(
            "training_adam8bit",
            "Training, 8-bit AdamW, float32 weights",
            parameters,
            {"weights": 4, "gradients": 4, "adam_states": 2},
            "weights 4 + gradients 4 + quantised momentum 1 + variance 1",
            _ANATOMY,
        ),
    ]
    if size < 4:
        pure = _training(
            "training_pure",
            f"Training, AdamW, pure {dtype}",
            parameters,
            {"weights": size, "gradients": size, "adam_states": 2 * size},
            f"weights {size} + gradients {size} + momentum {size} + variance {size}, all {dtype}",
            "torch.optim.AdamW keeps its states at the parameters' dtype",
        )
        estimates.insert(0, pure)
    return estimates


def _training(
    key: str, label: str, parameters: int, bytes_each: Mapping[str, int], formula: str, source: str
) -> Estimate:
    parts = {name: size * parameters for name, size in bytes_each.items()}
    total = sum(bytes_each.values())
    return Estimate(key, label, parts, f"{parameters:,} parameters × {total} B ({formula})", source)


def lora_training(weight_bytes: int, dtype: str, adapter: int, rank: int = LORA_RANK) -> Estimate:
    """Training a LoRA of ``adapter`` parameters (float32, as PEFT keeps them) on frozen weights."""
    parts = {"weights": weight_bytes, **_adapter(adapter)}
    formula = (
        f"frozen weights {weight_bytes:,} B at {dtype} + {adapter:,} adapter parameters (rank {rank}, all "
        "linear layers) × 16 B"
    )
    return Estimate("lora", f"LoRA, rank {rank}", parts, formula, "LoRA, arXiv:2106.09685; PEFT")


def qlora_training(parameters: int, linear: int, adapter: int, rank: int = LORA_RANK) -> Estimate:
    """As LoRA, ``linear`` ones of all ``parameters`` in NF4 with double quantisation, the others 16-bit."""
    quantized = round(linear * _NF4_BITS / 8)
    parts = {"weights": quantized + 2 * (parameters - linear), **_adapter(adapter)}
    formula = (
        f"{linear:,} linear weights × {_NF4_BITS:.3f} bits + {parameters - linear:,} others × 2 B + "
        f"{adapter:,} adapter parameters (rank {rank}) × 16 B"
    )
    return Estimate("qlora", f"QLoRA, rank {rank}", parts, formula, "QLoRA, arXiv:2305.14314, section 3")


def _adapter(parameters: int) -> dict[str, int]:
    return {"adapter": 4 * parameters, "gradients": 4 * parameters, "adam_states": 8 * parameters}
