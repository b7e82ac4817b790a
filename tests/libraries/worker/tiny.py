"""Models of many architectures, small enough to be saved and loaded by the dozen."""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import safe_open
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

_DECODER: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "vocab_size": 96,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_ENCODER: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "vocab_size": 96,
    "max_position_embeddings": 64,
}
_T5: dict[str, Any] = {
    "d_model": 32,
    "d_kv": 8,
    "d_ff": 48,
    "num_layers": 2,
    "num_heads": 4,
    "vocab_size": 96,
}
_VISION: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": 32,
    "patch_size": 8,
}
_LATENT: dict[str, Any] = {
    **_DECODER,
    "num_key_value_heads": 4,
    "q_lora_rank": 16,
    "kv_lora_rank": 16,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 8,
    "qk_head_dim": 16,
    "v_head_dim": 8,
    "n_routed_experts": 4,
    "n_shared_experts": 1,
    "num_experts_per_tok": 2,
    "n_group": 2,
    "topk_group": 1,
    "moe_intermediate_size": 16,
    "first_k_dense_replace": 1,
}
_EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
_GPT2 = {"n_embd": 32, "n_layer": 2, "n_head": 4, "vocab_size": 96, "n_positions": 64}
_QFORMER = {**_ENCODER, "encoder_hidden_size": 32}
_LLAMA = {**_DECODER, "model_type": "llama"}

MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt2": ("AutoModelForCausalLM", _GPT2),
    "gpt_neox": ("AutoModelForCausalLM", _ENCODER),
    "opt": ("AutoModelForCausalLM", {**_ENCODER, "ffn_dim": 48, "word_embed_proj_dim": 32}),
    "bloom": ("AutoModelForCausalLM", {"hidden_size": 32, "n_layer": 2, "n_head": 4, "vocab_size": 96}),
    "falcon": ("AutoModelForCausalLM", _ENCODER),
    "llama": ("AutoModelForCausalLM", _DECODER),
    "gemma": ("AutoModelForCausalLM", _DECODER),
    "gemma2": ("AutoModelForCausalLM", _DECODER),
    "mistral": ("AutoModelForCausalLM", _DECODER),
    "qwen2": ("AutoModelForCausalLM", _DECODER),
    "qwen3": ("AutoModelForCausalLM", _DECODER),
    "phi3": ("AutoModelForCausalLM", _DECODER),
    "mamba": ("AutoModelForCausalLM", {"hidden_size": 32, "num_hidden_layers": 2, "vocab_size": 96}),
    "rwkv": (
        "AutoModelForCausalLM",
        {"hidden_size": 32, "num_hidden_layers": 2, "vocab_size": 96, "attention_hidden_size": 32},
    ),
    "mixtral": ("AutoModelForCausalLM", {**_DECODER, "num_local_experts": 4}),
    "qwen2_moe": (
        "AutoModelForCausalLM",
        {**_DECODER, **_EXPERTS, "shared_expert_intermediate_size": 16},
    ),
    "qwen3_moe": ("AutoModelForCausalLM", {**_DECODER, **_EXPERTS}),
    "olmoe": ("AutoModelForCausalLM", {**_DECODER, **_EXPERTS}),
    "deepseek_v2": ("AutoModelForCausalLM", _LATENT),
    "deepseek_v3": ("AutoModelForCausalLM", _LATENT),
    "glm4_moe": ("AutoModelForCausalLM", _LATENT),
    "ernie4_5_moe": (
        "AutoModelForCausalLM",
        {**_DECODER, "moe_num_experts": 4, "moe_k": 2, "moe_intermediate_size": 16},
    ),
    "gpt_oss": ("AutoModelForCausalLM", {**_DECODER, "num_local_experts": 4, "num_experts_per_tok": 2}),
    "bert": ("AutoModelForMaskedLM", _ENCODER),
    "roberta": ("AutoModelForSequenceClassification", {**_ENCODER, "num_labels": 5}),
    "distilbert": (
        "AutoModelForTokenClassification",
        {"dim": 32, "hidden_dim": 48, "n_layers": 2, "n_heads": 4, "vocab_size": 96},
    ),
    "electra": ("AutoModelForPreTraining", {**_ENCODER, "embedding_size": 16}),
    "modernbert": ("AutoModelForMaskedLM", {**_ENCODER, "pad_token_id": 0}),
    "t5": ("AutoModelForSeq2SeqLM", _T5),
    "mt5": ("AutoModelForSeq2SeqLM", _T5),
    "umt5": ("AutoModelForSeq2SeqLM", _T5),
    "bart": (
        "AutoModelForSeq2SeqLM",
        {
            "d_model": 32,
            "encoder_layers": 2,
            "decoder_layers": 2,
            "encoder_attention_heads": 4,
            "decoder_attention_heads": 4,
            "encoder_ffn_dim": 48,
            "decoder_ffn_dim": 48,
            "vocab_size": 96,
            "max_position_embeddings": 64,
        },
    ),
    "vit": ("AutoModelForImageClassification", _VISION),
    "wav2vec2": (
        "AutoModelForCTC",
        {
            **_ENCODER,
            "vocab_size": 20,
            "conv_dim": [16, 16],
            "conv_stride": [5, 2],
            "conv_kernel": [10, 3],
            "num_conv_pos_embeddings": 8,
            "num_conv_pos_embedding_groups": 2,
        },
    ),
    "clip": (
        "AutoModel",
        {"text_config": _ENCODER, "vision_config": _VISION, "projection_dim": 16},
    ),
    "blip-2": (
        "Blip2ForConditionalGeneration",
        {
            "vision_config": _VISION,
            "qformer_config": _QFORMER,
            "text_config": {**_T5, "model_type": "t5"},
            "num_query_tokens": 4,
        },
    ),
    "instructblip": (
        "InstructBlipForConditionalGeneration",
        {
            "vision_config": _VISION,
            "qformer_config": _QFORMER,
            "text_config": {**_T5, "model_type": "t5"},
            "num_query_tokens": 4,
        },
    ),
    "llava": (
        "LlavaForConditionalGeneration",
        {
            "text_config": _LLAMA,
            "vision_config": {**_VISION, "model_type": "clip_vision_model"},
            "image_token_index": 90,
        },
    ),
    "gemma3": (
        "AutoModelForImageTextToText",
        {
            "text_config": {**_DECODER, "model_type": "gemma3_text"},
            "vision_config": {**_VISION, "model_type": "siglip_vision_model"},
            "mm_tokens_per_image": 4,
        },
    ),
    "vision-encoder-decoder": (
        "VisionEncoderDecoderModel",
        {"encoder": {**_VISION, "model_type": "vit"}, "decoder": {**_GPT2, "model_type": "gpt2"}},
    ),
    "encoder-decoder": (
        "EncoderDecoderModel",
        {"encoder": {**_ENCODER, "model_type": "bert"}, "decoder": {**_ENCODER, "model_type": "bert"}},
    ),
}
AVAILABLE = sorted(set(MODELS) & set(CONFIG_MAPPING.keys()))


def builder_of(name: str) -> Any:
    return getattr(transformers, MODELS[name][0])


def make(name: str, builder: Any = None) -> torch.nn.Module:
    """A model with random weights, float32, of ``MODELS`` or another class for its config."""
    torch.manual_seed(0)
    # Version 4.38 takes nested dicts apart.
    config = CONFIG_MAPPING[name](**copy.deepcopy(MODELS[name][1]))
    builder = builder or builder_of(name)
    model: torch.nn.Module = (
        builder.from_config(config) if hasattr(builder, "from_config") else builder(config)
    )
    return model


@cache
def saved(name: str, dtype: str, root: Path) -> Path:
    """The folder that ``save_pretrained`` writes of the model in ``dtype``."""
    folder = root / f"{name}-{dtype}"
    make(name).to(getattr(torch, dtype)).save_pretrained(folder)
    return folder


def stored(folder: Path) -> tuple[dict[str, Any], str | None]:
    """The worker's ``checkpoint`` for a folder with one file, and the first floating tensor's dtype."""
    kinds: dict[Any, list[str]] = {}
    first: str | None = None
    with safe_open(folder / "model.safetensors", "pt") as file:
        for name in file.keys():  # noqa: SIM118
            tensor = file.get_tensor(name)
            dtype = str(tensor.dtype).removeprefix("torch.")
            kinds.setdefault((dtype, tuple(tensor.shape), tensor.nbytes), []).append(name)
            if first is None and tensor.is_floating_point():
                first = dtype
    rows = [[*kind, "\n".join(names)] for kind, names in kinds.items()]
    return {"kinds": rows, "packed": False}, first


def request(folder: Path, builder: str, **more: Any) -> dict[str, Any]:
    """What the server asks the worker about a folder."""
    checkpoint, first = stored(folder)
    config = json.loads((folder / "config.json").read_text())
    return {
        "config": config,
        "builder": builder,
        "checkpoint": checkpoint,
        "first_floating": first,
        "name": folder.name,
        **more,
    }
