"""What follows from a field of a model's config for this model, in figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from model_loupe.checkpoints.config import architecture_class, declared_dtype
from model_loupe.domain.dimensions import Dimensions, dimensions, text_config
from model_loupe.domain.dtypes import BY_NAME, canonical_name
from model_loupe.domain.experts import experts_of
from model_loupe.domain.kv_cache import KvCache, kv_cache
from model_loupe.domain.loading import LoadOptions, load_dtype
from model_loupe.domain.units import format_bytes, format_count, plural


class Around(NamedTuple):
    """What is known beside the config: the installed version, and the tokens that files beside it name."""

    transformers: str | None = None
    tokens: Mapping[int, str] = {}


class _Subject(NamedTuple):
    config: dict[str, Any]
    value: Any
    sizes: Dimensions
    cache: KvCache | None
    around: Around

    @property
    def dtype(self) -> str | None:
        """What the config says that its weights are stored in."""
        declared = declared_dtype(self.config)
        return canonical_name(declared) if declared else None


def field_effect(config: dict[str, Any], name: str, value: Any, around: Around) -> list[str]:
    """What the field ``name`` of a config, or of the language model's config in it, means for this model.

    One line a consequence; none where nothing can be worked out from the config alone.
    """
    rule = _RULES.get(name)
    if rule is None:
        return []
    declared = declared_dtype(config)
    dtype = (canonical_name(declared) if declared else None) or "float32"
    cache = kv_cache(config, architecture_class(config), dtype)
    return [line for line in rule(_Subject(config, value, dimensions(config), cache, around)) if line]


def _heads(subject: _Subject) -> list[str]:
    sizes = subject.sizes
    if not sizes.heads or not sizes.head_dim:
        return []
    width = sizes.heads * sizes.head_dim
    hidden = f", hidden size {sizes.hidden:,}" if sizes.hidden and sizes.hidden != width else ""
    line = f"{plural(sizes.heads, 'head')} × {sizes.head_dim:,} = {width:,}{hidden}"
    return [line, *_groups(subject)]


def _groups(subject: _Subject) -> list[str]:
    heads, kv_heads = subject.sizes.heads, subject.sizes.kv_heads
    if not heads or not kv_heads:
        return []
    if heads == kv_heads:
        return [f"{plural(heads, 'head')}, each with keys and values of its own (multi-head attention)"]
    if heads % kv_heads:
        return [f"{plural(heads, 'query head')} cannot be shared out among {plural(kv_heads, 'KV head')}"]
    kind = "multi-query" if kv_heads == 1 else "grouped-query"
    times = heads // kv_heads
    return [
        f"{times:,} query heads share each KV head ({kind} attention): "
        f"keys and values are {times:,} times smaller than with {plural(heads, 'KV head')}"
    ]


def _kv_heads(subject: _Subject) -> list[str]:
    return [*_groups(subject), _per_token(subject)]


def _per_token(subject: _Subject) -> str:
    cache = subject.cache
    return f"KV cache: {cache.bytes_per_token:,} bytes per token at {cache.dtype}" if cache else ""


def _layers(subject: _Subject) -> list[str]:
    cache = subject.cache
    if cache is None or not subject.sizes.layers:
        return []
    return [_per_token(subject) + f", of {plural(subject.sizes.layers, 'layer')}"]


def _hidden(subject: _Subject) -> list[str]:
    sizes = subject.sizes
    lines = _heads(subject)[:1]
    if sizes.hidden and sizes.intermediate:
        lines.append(f"The MLP works in {sizes.intermediate / sizes.hidden:g} times as many dimensions")
    return lines


def _intermediate(subject: _Subject) -> list[str]:
    sizes = subject.sizes
    if not sizes.hidden or not sizes.intermediate:
        return []
    return [f"{sizes.intermediate / sizes.hidden:g} × the hidden size of {sizes.hidden:,}"]


def _vocabulary(subject: _Subject) -> list[str]:
    sizes = subject.sizes
    if not sizes.vocabulary or not sizes.hidden:
        return []
    elements = sizes.vocabulary * sizes.hidden
    dtype = subject.dtype
    size = f", {format_bytes(elements * BY_NAME[dtype].bits // 8)} at {dtype}" if dtype in BY_NAME else ""
    counted = f"{sizes.vocabulary:,} × {sizes.hidden:,} = {elements:,} ({format_count(elements)})"
    return [f"Embedding: {counted}{size}", _head(subject)]


def _head(subject: _Subject) -> str:
    tied = subject.config.get("tie_word_embeddings")
    if not isinstance(tied, bool):
        return ""
    return (
        "The head is the same matrix (tied)" if tied else "The head is a matrix of its own, of as many again"
    )


def _tied(subject: _Subject) -> list[str]:
    lines = _vocabulary(subject)
    return [_head(subject), *lines[:1]]


def _context(subject: _Subject) -> list[str]:
    context, cache = subject.sizes.context, subject.cache
    if not context or cache is None:
        return []
    return [
        f"KV cache of {plural(context, 'token')}: {format_bytes(cache.bytes_at(context))} at {cache.dtype}"
    ]


def _window(subject: _Subject) -> list[str]:
    window, cache = subject.sizes.sliding_window, subject.cache
    groups = [group for group in cache.groups if group.window is not None] if cache else []
    if not window:
        return ["No layer has a window"] if subject.value is not None else []
    if not groups:
        return []
    total = sum(group.layers for group in cache.groups) if cache else 0
    windowed = sum(group.layers for group in groups)
    return [f"{windowed:,} of {plural(total, 'layer')} keep the last {window:,} tokens at most"]


def _layer_types(subject: _Subject) -> list[str]:
    if not isinstance(subject.value, list):
        return []
    counts = Counter(str(each) for each in subject.value)
    return [" · ".join(f"{count:,} × {kind}" for kind, count in counts.most_common())]


def _dtype(subject: _Subject) -> list[str]:
    version, declared = subject.around.transformers, subject.value
    if not isinstance(declared, str) or version is None:
        return []
    found = load_dtype(LoadOptions(), version, declared, None)
    return [f"from_pretrained without dtype loads {found.dtype}: {found.rule}"] if found.dtype else []


def _token(subject: _Subject) -> list[str]:
    ids = subject.value if isinstance(subject.value, list) else [subject.value]
    known = [
        f"{each} is {text}" for each in ids if type(each) is int and (text := subject.around.tokens.get(each))
    ]
    return [", ".join(known)] if known else []


def _rope(subject: _Subject) -> list[str]:
    value = subject.value
    if not isinstance(value, dict):
        return []
    factor, original = value.get("factor"), value.get("original_max_position_embeddings")
    if isinstance(factor, (int, float)) and isinstance(original, int):
        return [f"{factor:g} × {original:,} = {factor * original:,.0f} positions"]
    return []


def _experts(subject: _Subject) -> list[str]:
    experts = experts_of(subject.config)
    return [f"{experts.per_token:,} of {experts.total:,} experts work on each token"] if experts else []


def _written_by(subject: _Subject) -> list[str]:
    installed = subject.around.transformers
    here = f"; transformers {installed} is installed here" if installed else ""
    return [f"The version of transformers that wrote this file{here}"]


def _architectures(subject: _Subject) -> list[str]:
    named = architecture_class(subject.config)
    return [f"{named} is the class that was saved; Auto classes go by model_type"] if named else []


def _maximum(subject: _Subject) -> list[str]:
    value = subject.value
    if isinstance(value, (int, float)) and value > 1e29:
        return ["Not set: this number stands for “no limit known”, and nothing is truncated to it"]
    return []


def _lora(subject: _Subject) -> list[str]:
    rank, alpha = subject.config.get("r"), subject.config.get("lora_alpha")
    if not isinstance(rank, int) or not isinstance(alpha, (int, float)) or rank <= 0:
        return []
    rooted = subject.config.get("use_rslora") is True
    scaling = alpha / rank**0.5 if rooted else alpha / rank
    shown = f"alpha / √rank = {alpha:g} / √{rank}" if rooted else f"alpha / rank = {alpha:g} / {rank}"
    return [f"Scaling {shown} = {scaling:.4g}"]


_RULES: dict[str, Callable[[_Subject], list[str]]] = {
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "num_heads", "head_dim"), _heads),
    **dict.fromkeys(("num_key_value_heads", "num_kv_heads", "multi_query"), _kv_heads),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "n_layers", "num_layers"), _layers),
    **dict.fromkeys(("hidden_size", "n_embd", "d_model", "dim"), _hidden),
    **dict.fromkeys(("intermediate_size", "n_inner", "ffn_dim", "d_ff"), _intermediate),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len"), _context),
    **dict.fromkeys(("dtype", "torch_dtype"), _dtype),
    **dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id"), _token),
    **dict.fromkeys(("rope_scaling", "rope_parameters"), _rope),
    **dict.fromkeys(
        ("num_experts", "num_local_experts", "n_routed_experts", "num_experts_per_tok"), _experts
    ),
    **dict.fromkeys(("r", "lora_alpha", "use_rslora"), _lora),
    "vocab_size": _vocabulary,
    "tie_word_embeddings": _tied,
    "sliding_window": _window,
    "layer_types": _layer_types,
    "transformers_version": _written_by,
    "architectures": _architectures,
    "model_max_length": _maximum,
}


def language_model(config: dict[str, Any], parts: tuple[str | int, ...]) -> bool:
    """Whether the fields at ``parts`` are those that the sizes of the model are read from."""
    value: Any = config
    for part in parts:
        value = value.get(str(part)) if isinstance(value, dict) else None
    return value is text_config(config) or not parts
