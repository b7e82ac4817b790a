"""Writes a small Gemma: the layers and the tensor names of gemma-2b-it, a thirty-second of its width."""

from __future__ import annotations

import json
import math
import os
import random
import struct
from array import array
from collections.abc import Iterator
from typing import NamedTuple

from model_loupe.demo.tokenizer import VOCABULARY_SIZE, write_tokenizer

CONFIG: dict[str, object] = {
    "architectures": ["GemmaForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": 2,
    "eos_token_id": 1,
    "head_dim": 16,
    "hidden_act": "gelu_pytorch_tanh",
    "hidden_activation": "gelu_pytorch_tanh",
    "hidden_size": 64,
    "initializer_range": 0.02,
    "intermediate_size": 128,
    "max_position_embeddings": 8192,
    "model_type": "gemma",
    "num_attention_heads": 4,
    "num_hidden_layers": 18,
    "num_key_value_heads": 1,
    "pad_token_id": 0,
    "rms_norm_eps": 1e-06,
    "rope_theta": 10000.0,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "use_cache": True,
    "vocab_size": VOCABULARY_SIZE,
}
GENERATION_CONFIG: dict[str, object] = {"bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 0}

LAYERS, HIDDEN, HEADS, KV_HEADS, HEAD_DIM, INTERMEDIATE = 18, 64, 4, 1, 16, 128
# As in the real one, where the cut between the shards falls inside a layer.
FIRST_SHARD_ENDS_BEFORE = "model.layers.9.mlp.up_proj.weight"
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
INDEX = "model.safetensors.index.json"


class Tensor(NamedTuple):
    """One tensor to write; ``spread`` is the standard deviation of its values."""

    name: str
    shape: tuple[int, ...]
    spread: float

    @property
    def size(self) -> int:
        return math.prod(self.shape)


def tensors() -> Iterator[Tensor]:
    """The tensors of ``GemmaForCausalLM`` in the order of its index; the head is tied, so it has none."""
    yield Tensor("model.embed_tokens.weight", (VOCABULARY_SIZE, HIDDEN), 1.0)
    for layer in range(LAYERS):
        yield from _layer(f"model.layers.{layer}")
    yield _norm("model.norm.weight")


def _layer(path: str) -> Iterator[Tensor]:
    yield _norm(f"{path}.input_layernorm.weight")
    yield _linear(f"{path}.mlp.down_proj.weight", HIDDEN, INTERMEDIATE)
    yield _linear(f"{path}.mlp.gate_proj.weight", INTERMEDIATE, HIDDEN)
    yield _linear(f"{path}.mlp.up_proj.weight", INTERMEDIATE, HIDDEN)
    yield _norm(f"{path}.post_attention_layernorm.weight")
    yield _linear(f"{path}.self_attn.k_proj.weight", KV_HEADS * HEAD_DIM, HIDDEN)
    yield _linear(f"{path}.self_attn.o_proj.weight", HIDDEN, HEADS * HEAD_DIM)
    yield _linear(f"{path}.self_attn.q_proj.weight", HEADS * HEAD_DIM, HIDDEN)
    yield _linear(f"{path}.self_attn.v_proj.weight", KV_HEADS * HEAD_DIM, HIDDEN)


def _linear(name: str, rows: int, columns: int) -> Tensor:
    return Tensor(name, (rows, columns), 1 / math.sqrt(columns))


def _norm(name: str) -> Tensor:
    # Gemma multiplies by 1 + weight, so its norms lie around zero.
    return Tensor(name, (HIDDEN,), 0.1)


def write_small_gemma(folder: str) -> None:
    """Writes the model into ``folder``: two shards with an index, configuration and tokenizer.

    Random weights from a fixed seed, so every run writes the same bytes; about 1.4 MB.
    """
    os.makedirs(folder, exist_ok=True)
    _write_json(folder, "config.json", CONFIG)
    _write_json(folder, "generation_config.json", GENERATION_CONFIG)
    write_tokenizer(folder)
    _write_weights(folder)


def _write_weights(folder: str) -> None:
    shards: tuple[list[Tensor], list[Tensor]] = ([], [])
    shard = 0
    for tensor in tensors():
        if tensor.name == FIRST_SHARD_ENDS_BEFORE:
            shard = 1
        shards[shard].append(tensor)
    generator = random.Random("model-loupe")
    for name, content in zip(SHARDS, shards, strict=True):
        _write_shard(os.path.join(folder, name), content, generator)
    total = sum(tensor.size for tensor in tensors())
    weight_map = {tensor.name: name for name, part in zip(SHARDS, shards, strict=True) for tensor in part}
    index = {"metadata": {"total_parameters": total, "total_size": 2 * total}, "weight_map": weight_map}
    _write_json(folder, INDEX, index)


def _write_shard(path: str, content: list[Tensor], generator: random.Random) -> None:
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for tensor in content:
        end = offset + 2 * tensor.size
        header[tensor.name] = {"dtype": "BF16", "shape": tensor.shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # so that the values are aligned
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in content:
            file.write(_gaussian_bfloat16(tensor, generator))


def _gaussian_bfloat16(tensor: Tensor, generator: random.Random) -> bytes:
    values = array("f", [generator.gauss(0.0, tensor.spread) for _ in range(tensor.size)])
    # bfloat16 is the upper half of a float32; which way the rest is rounded means nothing to random values.
    whole = struct.pack(f"<{len(values)}f", *values)
    upper = bytearray(2 * len(values))
    upper[0::2] = whole[2::4]
    upper[1::2] = whole[3::4]
    return bytes(upper)


def _write_json(folder: str, name: str, content: object) -> None:
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
