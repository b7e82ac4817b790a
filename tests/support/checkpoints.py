"""Checkpoints with real names and shapes, written as headers over sparse files: gigabytes that take no disk.

A tensor is ``(name, safetensors dtype code, shape)``. Shapes are those of the published models; their
configs are written out as far as Model Loupe reads them.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Sequence
from math import prod
from pathlib import Path
from typing import Any

Tensor = tuple[str, str, Sequence[int]]

BITS = {
    "BF16": 16,
    "F16": 16,
    "F32": 32,
    "F64": 64,
    "F8_E4M3": 8,
    "F8_E8M0": 8,
    "I16": 16,
    "I64": 64,
    "I32": 32,
    "U32": 32,
    "I8": 8,
    "U8": 8,
    "F4": 4,
}


def header_bytes(tensors: Iterable[Tensor], metadata: dict[str, str] | None = None) -> tuple[bytes, int]:
    """The length-prefixed header as safetensors' serializer spells it, and the bytes of data that follow."""
    header: dict[str, Any] = {} if metadata is None else {"__metadata__": metadata}
    offset = 0
    for name, dtype, shape in tensors:
        nbytes = prod(shape) * BITS[dtype] // 8
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [offset, offset + nbytes]}
        offset += nbytes
    raw = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    raw += b" " * (-len(raw) % 8)
    return struct.pack("<Q", len(raw)) + raw, offset


def write_safetensors(
    path: Path, tensors: Iterable[Tensor], metadata: dict[str, str] | None = None
) -> tuple[int, int]:
    """Writes one sparse file; returns the sizes of its header and of its data."""
    head, data = header_bytes(tensors, {"format": "pt"} if metadata is None else metadata)
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + data)
    return len(head), data


def write_checkpoint(
    folder: Path, config: dict[str, Any], tensors: Sequence[Tensor], shards: int = 1
) -> Path:
    """Writes config.json and the weights, in several shards with their index; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    if shards == 1:
        write_safetensors(folder / "model.safetensors", tensors)
        return folder
    weight_map: dict[str, str] = {}
    total = 0
    per_shard = -(-len(tensors) // shards)
    for number in range(shards):
        name = f"model-{number + 1:05d}-of-{shards:05d}.safetensors"
        part = tensors[number * per_shard : (number + 1) * per_shard]
        total += write_safetensors(folder / name, part)[1]
        weight_map.update((tensor[0], name) for tensor in part)
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")
    return folder


GEMMA_2B_CONFIG: dict[str, Any] = {
    "architectures": ["GemmaForCausalLM"],
    "head_dim": 256,
    "hidden_size": 2048,
    "intermediate_size": 16384,
    "max_position_embeddings": 8192,
    "model_type": "gemma",
    "num_attention_heads": 8,
    "num_hidden_layers": 18,
    "num_key_value_heads": 1,
    "torch_dtype": "bfloat16",
    "vocab_size": 256000,
}


def decoder_tensors(
    *,
    layers: int,
    hidden: int,
    intermediate: int,
    vocabulary: int,
    query: int,
    key_value: int,
    dtype: str = "BF16",
    head: bool = False,
) -> list[Tensor]:
    """The tensors of a Llama-like decoder (Llama, Gemma, Mistral); ``query`` is heads × head dim."""
    tensors: list[Tensor] = [("model.embed_tokens.weight", dtype, [vocabulary, hidden])]
    for layer in range(layers):
        prefix = f"model.layers.{layer}"
        tensors += [
            (f"{prefix}.input_layernorm.weight", dtype, [hidden]),
            (f"{prefix}.mlp.down_proj.weight", dtype, [hidden, intermediate]),
            (f"{prefix}.mlp.gate_proj.weight", dtype, [intermediate, hidden]),
            (f"{prefix}.mlp.up_proj.weight", dtype, [intermediate, hidden]),
            (f"{prefix}.post_attention_layernorm.weight", dtype, [hidden]),
            (f"{prefix}.self_attn.k_proj.weight", dtype, [key_value, hidden]),
            (f"{prefix}.self_attn.o_proj.weight", dtype, [hidden, query]),
            (f"{prefix}.self_attn.q_proj.weight", dtype, [query, hidden]),
            (f"{prefix}.self_attn.v_proj.weight", dtype, [key_value, hidden]),
        ]
    tensors.append(("model.norm.weight", dtype, [hidden]))
    if head:
        tensors.append(("lm_head.weight", dtype, [vocabulary, hidden]))
    return tensors


def gemma_2b_tensors() -> list[Tensor]:
    """google/gemma-2b-it: 164 tensors, bfloat16, no stored head."""
    return decoder_tensors(
        layers=18, hidden=2048, intermediate=16384, vocabulary=256000, query=2048, key_value=256
    )


SMALL_CONFIG: dict[str, Any] = {
    **GEMMA_2B_CONFIG,
    "head_dim": 16,
    "hidden_size": 64,
    "intermediate_size": 128,
    "max_position_embeddings": 256,
    "num_attention_heads": 4,
    "vocab_size": 512,
}


def small_gemma_tensors() -> list[Tensor]:
    """The same architecture at a size that can be written in full."""
    return decoder_tensors(layers=18, hidden=64, intermediate=128, vocabulary=512, query=64, key_value=16)


DEEPSEEK_V3_CONFIG: dict[str, Any] = {
    "architectures": ["DeepseekV3ForCausalLM"],
    "first_k_dense_replace": 3,
    "hidden_size": 7168,
    "intermediate_size": 18432,
    "kv_lora_rank": 512,
    "max_position_embeddings": 163840,
    "model_type": "deepseek_v3",
    "moe_intermediate_size": 2048,
    "n_routed_experts": 256,
    "n_shared_experts": 1,
    "num_attention_heads": 128,
    "num_experts_per_tok": 8,
    "num_hidden_layers": 61,
    "num_nextn_predict_layers": 1,
    "num_key_value_heads": 128,
    "q_lora_rank": 1536,
    "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64,
    "quantization_config": {
        "activation_scheme": "dynamic",
        "fmt": "e4m3",
        "quant_method": "fp8",
        "weight_block_size": [128, 128],
    },
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "v_head_dim": 128,
    "vocab_size": 129280,
}


def deepseek_v3_tensors() -> list[Tensor]:
    """deepseek-ai/DeepSeek-V3: 91,991 tensors; FP8 weights with a scale for each block of 128 × 128."""
    hidden = 7168
    tensors: list[Tensor] = []

    def linear(name: str, rows: int, columns: int) -> None:
        tensors.append((f"{name}.weight", "F8_E4M3", [rows, columns]))
        tensors.append((f"{name}.weight_scale_inv", "F32", [-(-rows // 128), -(-columns // 128)]))

    def mlp(prefix: str, width: int) -> None:
        linear(f"{prefix}.gate_proj", width, hidden)
        linear(f"{prefix}.up_proj", width, hidden)
        linear(f"{prefix}.down_proj", hidden, width)

    def layer(number: int) -> None:
        prefix = f"model.layers.{number}"
        attention = f"{prefix}.self_attn"
        tensors.append((f"{prefix}.input_layernorm.weight", "BF16", [hidden]))
        tensors.append((f"{prefix}.post_attention_layernorm.weight", "BF16", [hidden]))
        linear(f"{attention}.q_a_proj", 1536, hidden)
        tensors.append((f"{attention}.q_a_layernorm.weight", "BF16", [1536]))
        linear(f"{attention}.q_b_proj", 24576, 1536)
        linear(f"{attention}.kv_a_proj_with_mqa", 576, hidden)
        tensors.append((f"{attention}.kv_a_layernorm.weight", "BF16", [512]))
        linear(f"{attention}.kv_b_proj", 32768, 512)
        linear(f"{attention}.o_proj", hidden, 16384)
        if number < 3:
            mlp(f"{prefix}.mlp", 18432)
            return
        tensors.append((f"{prefix}.mlp.gate.weight", "BF16", [256, hidden]))
        tensors.append((f"{prefix}.mlp.gate.e_score_correction_bias", "F32", [256]))
        for expert in range(256):
            mlp(f"{prefix}.mlp.experts.{expert}", 2048)
        mlp(f"{prefix}.mlp.shared_experts", 2048)

    tensors.append(("model.embed_tokens.weight", "BF16", [129280, hidden]))
    for number in range(62):
        layer(number)
    # Layer 61 predicts the token after the next (multi-token prediction) and has ends of its own.
    extra = "model.layers.61"
    tensors += [
        (f"{extra}.embed_tokens.weight", "BF16", [129280, hidden]),
        (f"{extra}.enorm.weight", "BF16", [hidden]),
        (f"{extra}.hnorm.weight", "BF16", [hidden]),
        (f"{extra}.eh_proj.weight", "BF16", [hidden, 2 * hidden]),
        (f"{extra}.shared_head.norm.weight", "BF16", [hidden]),
        (f"{extra}.shared_head.head.weight", "BF16", [129280, hidden]),
        ("model.norm.weight", "BF16", [hidden]),
        ("lm_head.weight", "BF16", [129280, hidden]),
    ]
    return tensors
