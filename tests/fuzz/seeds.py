"""The honest files that fuzzing starts from, made by code: small, with something of everything."""

from __future__ import annotations

import io
import json
import pickle
import random
import struct
import zipfile
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tests.fuzz.mutation import mutate_bytes, mutate_json
from tests.support import checkpoints as made
from tests.support import pickles
from tests.support.sentencepiece import sentencepiece_model

Mutate = Callable[[bytes, list[bytes], random.Random], bytes]


class Format(NamedTuple):
    """A kind of file: the name that it has in a model's folder, and the honest files.

    ``beside`` are the folder's other files. ``alone``: the file is described by itself, not its folder.
    """

    file: str
    seeds: list[bytes]
    mutate: Mutate
    beside: dict[str, bytes] = {}  # noqa: RUF012
    alone: bool = False


def _safetensors() -> list[bytes]:
    small = made.small_gemma_tensors()[:12]
    mixed: list[made.Tensor] = [
        ("a.weight", "F8_E4M3", [16, 8]),
        ("a.weight_scale_inv", "F32", [1, 1]),
        ("b.qweight", "I32", [4, 8]),
        ("position_ids", "I64", [1, 16]),
        ("empty", "F32", [0]),
        ("scalar", "BF16", []),
    ]
    heads = (made.header_bytes(tensors, meta) for tensors, meta in ((small, None), (mixed, {"format": "pt"})))
    odd = json.dumps({"ü": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, indent=1).encode()
    return [head + bytes(min(size, 4096)) for head, size in heads] + [
        struct.pack("<Q", len(odd)) + odd + bytes(8)
    ]


def _index() -> bytes:
    names = [name for name, _, _ in made.small_gemma_tensors()[:20]]
    shards = [f"model-0000{1 + at % 2}-of-00002.safetensors" for at in range(len(names))]
    weight_map = dict(zip(names, shards, strict=True))
    return json.dumps({"metadata": {"total_size": 1000}, "weight_map": weight_map}).encode()


def _shard(number: int) -> bytes:
    tensors = made.small_gemma_tensors()[:20][number::2]
    head, size = made.header_bytes(tensors)
    return head + bytes(size)


_MODULE = pickles.mapping(
    ("state_dict", pickles.STATE),
    ("optimizer", pickles.mapping(("state", b"}"), ("param_groups", b"]"))),
    ("epoch", b"K\x03"),
)


def _zip_pickles() -> list[bytes]:
    return [
        pickles.HONEST,
        pickles.archive(pickles.pickled(_MODULE), {"0": 24}),
        pickles.archive(pickles.pickled(pickles.STATE), {"0": 24}, compression=zipfile.ZIP_DEFLATED),
        pickles.archive(None, None, code__a="x", constants__pkl="y"),
    ]


def _mutate_zip(seed: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """Every second time the pickle within is damaged, and the archive is whole."""
    if chance.random() < 0.5:
        return mutate_bytes(seed, others, chance)
    inner = mutate_bytes(chance.choice(_raw_pickles()), _raw_pickles(), chance)
    kind = chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    return pickles.archive(inner, {"0": 24}, compression=kind)


def _legacy_pickles() -> list[bytes]:
    data = struct.pack("<q", 6) + bytes(24)
    return [pickles.legacy(pickles.STATE, ["0"], data), pickles.legacy(_MODULE, ["0"], data)]


def _raw_pickles() -> list[bytes]:
    values: tuple[Any, ...] = (
        {"a": [1, 2.5, None, "text", b"bytes", (True, False)], "b": {1: {2: {3: []}}}},
        [frozenset((1, 2)), {"x"}, bytearray(b"abc"), 2**70, -1, complex(1, 2)],
    )
    made_by_python = [pickle.dumps(value, protocol) for value in values for protocol in (0, 2, 5)]
    return [pickles.pickled(pickles.STATE), pickles.pickled(_MODULE), *made_by_python]


def _gguf_text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def _gguf(version: int = 3) -> bytes:
    def entry(key: str, kind: int, value: bytes) -> bytes:
        return _gguf_text(key) + struct.pack("<I", kind) + value

    words = struct.pack("<IQ", 8, 4) + b"".join(map(_gguf_text, ("<s>", "a", "b", "c")))
    entries = [
        entry("general.architecture", 8, _gguf_text("llama")),
        entry("general.file_type", 4, struct.pack("<I", 15)),
        entry("llama.block_count", 4, struct.pack("<I", 1)),
        entry("llama.embedding_length", 4, struct.pack("<I", 256)),
        entry("llama.attention.head_count", 9, struct.pack("<IQI", 4, 1, 8)),
        entry("llama.rope.freq_base", 6, struct.pack("<f", 1e4)),
        entry("tokenizer.ggml.model", 8, _gguf_text("llama")),
        entry("tokenizer.ggml.tokens", 9, words),
        entry("flag", 7, b"\x01"),
    ]
    tensors = []
    offset = 0
    for name, kind, shape, nbytes in (
        ("token_embd.weight", 12, (256, 4), 4 * 144),
        ("blk.0.attn_q.weight", 2, (256, 2), 2 * 8 * 18),
        ("output_norm.weight", 0, (256,), 1024),
    ):
        sizes = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        tensors.append(_gguf_text(name) + sizes + struct.pack("<IQ", kind, offset))
        offset += -(-nbytes // 32) * 32
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(entries)) + b"".join(entries + tensors)
    return head + bytes(-len(head) % 32) + bytes(offset)


def _npz() -> list[bytes]:
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {"w": np.zeros((3, 4), np.float32), "b": np.zeros(4, np.float16)}
    np.savez(buffer, **arrays)
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)
    return [buffer.getvalue(), packed.getvalue()]


def _configs() -> list[bytes]:
    nested = {
        **made.DEEPSEEK_V3_CONFIG,
        "text_config": made.SMALL_CONFIG,
        "vision_config": {"model_type": "siglip_vision_model", "hidden_size": 8},
        "layer_types": ["full_attention", "sliding_attention", "linear_attention"],
        "auto_map": {"AutoModel": "code.Model"},
        "rope_scaling": {"factor": 8.0},
    }
    quantized = {
        "architectures": ["LlamaForCausalLM"],
        "num_local_experts": 8,
        "num_experts_per_tok": 2,
        "quantization_config": {
            "quant_method": "compressed-tensors",
            "config_groups": {"group_0": {"weights": {"num_bits": 4, "group_size": 128}}},
            "format": "pack-quantized",
        },
        "torch_dtype": "float16",
    }
    return [json.dumps(each).encode() for each in (made.SMALL_CONFIG, nested, quantized)]


_ADAPTER = {
    "peft_type": "LORA",
    "base_model_name_or_path": "nowhere",
    "r": 8,
    "lora_alpha": 16,
    "target_modules": ["q_proj", "v_proj"],
    "modules_to_save": ["lm_head"],
    "rank_pattern": {},
    "task_type": "CAUSAL_LM",
}
_PIPELINE = {
    "_class_name": "StableDiffusionPipeline",
    "_diffusers_version": "0.30",
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
    "scheduler": ["diffusers", "PNDMScheduler"],
    "safety_checker": [None, None],
}
_MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
]


_TOKENIZER_CONFIG = json.dumps(
    {
        "tokenizer_class": "GemmaTokenizer",
        "model_max_length": 10**30,
        "padding_side": "left",
        "bos_token": {"content": "<s>", "special": True},
        "pad_token": "<unk>",
        "additional_special_tokens": ["<a>"],
        "extra_special_tokens": {"image_token": "<image>"},
        "added_tokens_decoder": {"2": {"content": "<s>", "special": True}},
        "chat_template": [{"name": "default", "template": "{{ messages }}"}],
    }
).encode()


def _tokenizers() -> list[bytes]:
    tokens = ["<unk>", "<s>", 'a"b', "\\n", "▁the", "é"]
    whole: dict[str, Any] = {
        "version": "1.0",
        "added_tokens": [{"id": 1, "content": "<s>", "special": True}],
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Replace"}]},
        "pre_tokenizer": {"type": "ByteLevel"},
        "model": {
            "type": "BPE",
            "vocab": {token: number for number, token in enumerate(tokens)},
            "merges": [["a", "b"], ["é", "\\n"]],
        },
    }
    pieces = {
        **whole,
        "model": {"type": "Unigram", "unk_id": 0, "vocab": [[token, -1.5] for token in tokens]},
    }
    return [json.dumps(each, indent=indent).encode() for each in (whole, pieces) for indent in (None, 2)]


def _mutate_tokenizer(seed: bytes, others: list[bytes], chance: random.Random) -> bytes:
    return chance.choice((mutate_bytes, mutate_json))(seed, others, chance)


def formats() -> dict[str, Format]:
    """All formats, by name."""
    weights = {"model.safetensors": _safetensors()[0]}
    shards = {f"model-0000{number + 1}-of-00002.safetensors": _shard(number) for number in (0, 1)}
    config = {"config.json": _configs()[0]}
    onnx = b'\x08\x08\x12\x07pytorch\x1a\x052.1.0:\x10\n\x01x\x12\x01y\x1a\x01n"\x04Relu'
    return {
        "safetensors": Format("model.safetensors", _safetensors(), mutate_bytes, config),
        "index": Format("model.safetensors.index.json", [_index()], mutate_json, {**config, **shards}),
        "zip-pickle": Format("pytorch_model.bin", _zip_pickles(), _mutate_zip, config),
        "legacy-pickle": Format("pytorch_model.bin", _legacy_pickles(), mutate_bytes, config),
        "raw-pickle": Format("x.pt", _raw_pickles(), mutate_bytes, alone=True),
        "gguf": Format("model.gguf", [_gguf(), _gguf(2)], mutate_bytes),
        "config": Format("config.json", _configs(), mutate_json, weights),
        "npz": Format("x.npz", _npz(), mutate_bytes, alone=True),
        "onnx": Format("model.onnx", [onnx], mutate_bytes, config),
        "adapter-config": Format(
            "adapter_config.json",
            [json.dumps(_ADAPTER).encode()],
            mutate_json,
            {"adapter_model.safetensors": weights["model.safetensors"]},
        ),
        "model-index": Format(
            "model_index.json",
            [json.dumps(_PIPELINE).encode()],
            mutate_json,
            {
                "unet/config.json": b"{}",
                "unet/diffusion_pytorch_model.safetensors": weights["model.safetensors"],
            },
        ),
        "tokenizer-json": Format("tokenizer.json", _tokenizers(), _mutate_tokenizer, config),
        "tokenizer-config": Format("tokenizer_config.json", [_TOKENIZER_CONFIG], mutate_json, config),
        "sentencepiece": Format(
            "tokenizer.model",
            [sentencepiece_model(["<unk>", "<s>", "▁the", "<0x0A>"], kind=kind) for kind in (1, 2, None)],
            mutate_bytes,
            config,
        ),
        "modules": Format(
            "modules.json",
            [json.dumps(_MODULES).encode()],
            mutate_json,
            {**weights, **config, "1_Pooling/config.json": b'{"word_embedding_dimension": 64}'},
        ),
    }
