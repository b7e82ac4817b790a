"""The metadata of a GGUF file as a config of transformers."""

from __future__ import annotations

from typing import Any, NamedTuple

from model_loupe.checkpoints.gguf.metadata import KEPT_ITEMS, Array, Metadata

# Keys after the architecture's name ("llama.block_count") → names in transformers' configs, as its own
# loader has them (GGUF_CONFIG_MAPPING in integrations/ggml.py).
_SIZES = {
    "block_count": "num_hidden_layers",
    "embedding_length": "hidden_size",
    "context_length": "max_position_embeddings",
    "feed_forward_length": "intermediate_size",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.sliding_window": "sliding_window",
    "attention.kv_lora_rank": "kv_lora_rank",
    "attention.q_lora_rank": "q_lora_rank",
    "attention.indexer.key_length": "index_head_dim",
    "attention.shared_kv_layers": "num_kv_shared_layers",
    "attention.layer_norm_rms_epsilon": "rms_norm_eps",
    "attention.layer_norm_epsilon": "layer_norm_eps",
    "rope.freq_base": "rope_theta",
    "expert_count": "num_experts",
    "expert_used_count": "num_experts_per_tok",
    "expert_shared_count": "n_shared_experts",
    "expert_feed_forward_length": "moe_intermediate_size",
    "leading_dense_block_count": "first_k_dense_replace",
    "ssm.state_size": "ssm_state_size",
    "ssm.conv_kernel": "conv_kernel",
    "vocab_size": "vocab_size",
}
_TOKENS = {
    "tokenizer.ggml.bos_token_id": "bos_token_id",
    "tokenizer.ggml.eos_token_id": "eos_token_id",
    "tokenizer.ggml.unknown_token_id": "unk_token_id",
    "tokenizer.ggml.padding_token_id": "pad_token_id",
}
# general.architecture → model_type and class, where one architecture of llama.cpp is one of transformers.
_CLASSES = {
    "llama": ("llama", "LlamaForCausalLM"),
    "mistral3": ("mistral", "MistralForCausalLM"),
    "qwen2": ("qwen2", "Qwen2ForCausalLM"),
    "qwen2moe": ("qwen2_moe", "Qwen2MoeForCausalLM"),
    "qwen3": ("qwen3", "Qwen3ForCausalLM"),
    "qwen3moe": ("qwen3_moe", "Qwen3MoeForCausalLM"),
    "qwen3next": ("qwen3_next", "Qwen3NextForCausalLM"),
    "gemma": ("gemma", "GemmaForCausalLM"),
    "gemma2": ("gemma2", "Gemma2ForCausalLM"),
    "gemma3": ("gemma3_text", "Gemma3ForCausalLM"),
    "gemma3n": ("gemma3n_text", "Gemma3nForCausalLM"),
    "gemma-embedding": ("gemma3_text", "Gemma3TextModel"),
    "phi2": ("phi", "PhiForCausalLM"),
    "phi3": ("phi3", "Phi3ForCausalLM"),
    "phimoe": ("phimoe", "PhimoeForCausalLM"),
    "falcon": ("falcon", "FalconForCausalLM"),
    "gpt2": ("gpt2", "GPT2LMHeadModel"),
    "gptj": ("gptj", "GPTJForCausalLM"),
    "gptneox": ("gpt_neox", "GPTNeoXForCausalLM"),
    "gpt-oss": ("gpt_oss", "GptOssForCausalLM"),
    "bloom": ("bloom", "BloomForCausalLM"),
    "mpt": ("mpt", "MptForCausalLM"),
    "starcoder": ("gpt_bigcode", "GPTBigCodeForCausalLM"),
    "starcoder2": ("starcoder2", "Starcoder2ForCausalLM"),
    "stablelm": ("stablelm", "StableLmForCausalLM"),
    "command-r": ("cohere", "CohereForCausalLM"),
    "cohere2": ("cohere2", "Cohere2ForCausalLM"),
    "dbrx": ("dbrx", "DbrxForCausalLM"),
    "olmo": ("olmo", "OlmoForCausalLM"),
    "olmo2": ("olmo2", "Olmo2ForCausalLM"),
    "olmoe": ("olmoe", "OlmoeForCausalLM"),
    "granite": ("granite", "GraniteForCausalLM"),
    "granitemoe": ("granitemoe", "GraniteMoeForCausalLM"),
    "smollm3": ("smollm3", "SmolLM3ForCausalLM"),
    "nemotron_h": ("nemotron_h", "NemotronHForCausalLM"),
    "nemotron_h_moe": ("nemotron_h", "NemotronHForCausalLM"),
    "nemotron": ("nemotron", "NemotronForCausalLM"),
    "exaone4": ("exaone4", "Exaone4ForCausalLM"),
    "glm4": ("glm4", "Glm4ForCausalLM"),
    "glm4moe": ("glm4_moe", "Glm4MoeForCausalLM"),
    "deepseek2": ("deepseek_v2", "DeepseekV2ForCausalLM"),
    "lfm2": ("lfm2", "Lfm2ForCausalLM"),
    "mamba": ("mamba", "MambaForCausalLM"),
    "mamba2": ("mamba2", "Mamba2ForCausalLM"),
    "jamba": ("jamba", "JambaForCausalLM"),
    "bert": ("bert", "BertModel"),
    "nomic-bert": ("nomic_bert", "NomicBertModel"),
    "modern-bert": ("modernbert", "ModernBertModel"),
    "t5": ("t5", "T5ForConditionalGeneration"),
    "t5encoder": ("t5", "T5EncoderModel"),
}
# Every so many layers one attends to all tokens, the others to a window: what llama.cpp's loaders set for
# models whose files do not say it (set_swa_pattern in src/llama-model.cpp).
_WINDOW_PERIODS = {
    "gemma2": 2,
    "gemma3": 6,
    "gemma-embedding": 6,
    "gpt-oss": 2,
    "cohere2": 4,
    "exaone4": 4,
    "olmo2": 4,
}
# These have a window that llama.cpp does not apply.
_NO_WINDOW = ("phi3", "phimoe")
_SIGMOID = 2


def config_of(metadata: Metadata) -> dict[str, Any]:
    """The metadata under the names of transformers' ``config.json``, as far as it has them.

    A value by layer (``attention.head_count_kv`` of hybrid models) is given where it is one for all layers
    that have it; ``layer_types`` then says what the others are. Where layers differ in a way that a config
    of transformers has no word for, their types are named by what differs.
    """
    architecture = metadata.get("general.architecture")
    if not isinstance(architecture, str):
        return {}
    part = {
        key[len(architecture) + 1 :]: value
        for key, value in metadata.items()
        if key.startswith(architecture + ".")
    }
    config: dict[str, Any] = _class_of(architecture, part)
    for key, field in _SIZES.items():
        value = _uniform(part.get(key))
        if value is not None:
            config[field] = value
    for key, field in _TOKENS.items():
        if type(metadata.get(key)) is int:
            config[field] = metadata[key]
    tokens = metadata.get("tokenizer.ggml.tokens")
    if "vocab_size" not in config and isinstance(tokens, Array):
        config["vocab_size"] = tokens.length
    config.update(_head_sizes(part))
    layers = _layers(part)
    if layers:
        config["num_hidden_layers"] = layers
        config.update(_layer_kinds(architecture, part, layers))
    return config


def _class_of(architecture: str, part: Metadata) -> dict[str, Any]:
    known = _CLASSES.get(architecture)
    if architecture == "llama" and _whole(part.get("expert_count")):
        known = "mixtral", "MixtralForCausalLM"
    if architecture == "deepseek2" and part.get("expert_gating_func") == _SIGMOID:
        known = "deepseek_v3", "DeepseekV3ForCausalLM"
    return {"model_type": known[0], "architectures": [known[1]]} if known else {"model_type": architecture}


def _whole(value: Any) -> int | None:
    return value if type(value) is int and 0 < value < 2**53 else None


def _uniform(value: Any) -> int | float | None:
    """A number, or the one number that an array has for all layers that have any."""
    if isinstance(value, Array):
        different = {item for item in value.first if type(item) is int and item > 0}
        return different.pop() if value.whole and len(different) == 1 else None
    if type(value) is float:
        # What was 1e-06 as a float32 is to be 1e-06 again; NaN and infinity are no numbers of a config.
        return float(f"{value:.7g}") if abs(value) < 1e38 else None
    return value if type(value) is int else None


def _layers(part: Metadata) -> int | None:
    """The layers that generate: not those behind them that predict further tokens (MTP)."""
    layers = _whole(part.get("block_count"))
    extra = _whole(part.get("nextn_predict_layers")) or 0
    return layers - extra if layers and extra < layers else layers


def _head_sizes(part: Metadata) -> dict[str, Any]:
    if _whole(part.get("attention.kv_lora_rank")):
        rope = _whole(part.get("rope.dimension_count"))
        return {"qk_rope_head_dim": rope} if rope else {}
    head = _whole(part.get("attention.key_length"))
    return {"head_dim": head} if head else {}


def _layer_kinds(architecture: str, part: Metadata, layers: int) -> dict[str, Any]:
    """What transformers calls ``layer_types``; nothing where all layers are of full attention."""
    if layers > KEPT_ITEMS:
        return {}
    kv_heads = _by_layer(part.get("attention.head_count_kv"), layers)
    windowed = _windowed(architecture, part, layers)
    if kv_heads is None:
        kv_heads = [1] * layers
    if architecture.startswith("nemotron_h"):
        return {"hybrid_override_pattern": _nemotron_pattern(part, kv_heads, layers)}
    interval = _whole(part.get("full_attention_interval"))
    heads_differ = len({count for count in kv_heads if count}) > 1
    types = []
    for layer, count in enumerate(kv_heads):
        if count == 0:
            types.append(_without_attention(part))
        elif interval and (layer + 1) % interval:
            types.append("linear_attention")
        elif windowed is None:
            types.append("attention_with_or_without_window")
        else:
            sizes = _odd_sizes(part, windowed[layer])
            odd = f"_of_{count}_kv_heads" if heads_differ else ""
            types.append(("sliding_attention" if windowed[layer] else "full_attention") + odd + sizes)
    return {} if set(types) == {"full_attention"} else {"layer_types": types}


def _by_layer(value: Any, layers: int) -> list[int] | None:
    if type(value) is int:
        return [value] * layers
    if isinstance(value, Array) and value.length >= layers:
        items = value.first[:layers]
        return [int(item) for item in items] if all(isinstance(item, int) for item in items) else None
    return None


def _windowed(architecture: str, part: Metadata, layers: int) -> list[bool] | None:
    """For each layer whether it has a window; None where some have and it is not known which."""
    if not _uniform(part.get("attention.sliding_window")) or architecture in _NO_WINDOW:
        return [False] * layers
    pattern = part.get("attention.sliding_window_pattern")
    if isinstance(pattern, Array):
        flags = _by_layer(pattern, layers)
        return [bool(flag) for flag in flags] if flags else None
    period = _whole(pattern) or _WINDOW_PERIODS.get(architecture)
    return [layer % period < period - 1 for layer in range(layers)] if period else None


def _without_attention(part: Metadata) -> str:
    if "shortconv.l_cache" in part:
        return "conv"
    return "mamba" if any(key.startswith("ssm.") for key in part) else "no_attention"


def _odd_sizes(part: Metadata, windowed: bool) -> str:
    """Keys and values of sizes that one ``head_dim`` cannot say; "" for the usual ones."""
    if _whole(part.get("attention.kv_lora_rank")):
        return ""
    usual = part.get("attention.key_length")
    suffix = "_swa" if windowed else ""
    key = part.get(f"attention.key_length{suffix}", usual)
    value = part.get(f"attention.value_length{suffix}", part.get("attention.value_length", key))
    return "" if key == value == usual else f"_of_{key}_and_{value}"


def _nemotron_pattern(part: Metadata, kv_heads: list[int], layers: int) -> str:
    """Nemotron-H: ``*`` attention, ``-`` feed-forward alone, ``M`` Mamba, as its own config has it."""
    feed_forward = _by_layer(part.get("feed_forward_length"), layers) or [0] * layers
    return "".join(
        "*" if heads else "-" if wide else "M" for heads, wide in zip(kv_heads, feed_forward, strict=True)
    )


# llama_ftype in llama.h: what most of a file's matrices are said to be.
_FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S",
    12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K",
    19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL",
    26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16",
    36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4_MOE", 39: "NVFP4", 40: "Q1_0",
}  # fmt: skip


def file_type(metadata: Metadata) -> str | None:
    """The encoding that ``general.file_type`` claims (``Q4_K_M``); the tensors may be of several others."""
    number = metadata.get("general.file_type")
    return _FILE_TYPES.get(number) if type(number) is int else None


class Vocabulary(NamedTuple):
    """A GGUF file's tokenizer: ``kind`` is its ``tokenizer.ggml.model``, ``size`` its number of tokens."""

    kind: str
    size: int | None


def vocabulary_of(metadata: Metadata) -> Vocabulary | None:
    """The tokenizer that the metadata holds, if any."""
    kind = metadata.get("tokenizer.ggml.model")
    if not isinstance(kind, str) or kind in ("", "none", "no_vocab"):
        return None
    tokens = metadata.get("tokenizer.ggml.tokens")
    return Vocabulary(kind, tokens.length if isinstance(tokens, Array) else None)
