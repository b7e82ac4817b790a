"""The sizes that shapes are made of, by one name each, under all the names that configs have for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice, starmap
from typing import Any, NamedTuple

_MOST_VALUES = 16


class Size(NamedTuple):
    """A number and how it is said: ``8 heads``."""

    value: int
    text: str


# What a size is called in a text, and the entries of configs that give it. {} is the number.
_FIELDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "hidden": ("hidden {}", ("hidden_size", "n_embd", "d_model", "dim", "embed_dim")),
    "embedding": (
        "embedding {}",
        ("embedding_size", "word_embed_proj_dim", "hidden_size", "n_embd", "d_model", "dim"),
    ),
    "vocabulary": ("vocabulary {}", ("vocab_size",)),
    "layer_vocabulary": ("vocabulary {}", ("vocab_size_per_layer_input",)),
    "layer_embedding": ("{} a layer", ("hidden_size_per_layer_input",)),
    "layers": ("{} layers", ("num_hidden_layers",)),
    "positions": (
        "{} positions",
        (
            "max_position_embeddings",
            "n_positions",
            "n_ctx",
            "max_source_positions",
            "max_target_positions",
            "num_position_embeddings",
            "position_embedding_size",
        ),
    ),
    "types": ("{} token types", ("type_vocab_size",)),
    "heads": (
        "{} heads",
        (
            "num_attention_heads",
            "n_head",
            "n_heads",
            "num_heads",
            "encoder_attention_heads",
            "decoder_attention_heads",
            "attention_heads",
        ),
    ),
    "kv_heads": ("{} KV heads", ("num_key_value_heads", "num_kv_heads", "num_global_key_value_heads")),
    "head_dim": ("{}", ("head_dim", "d_kv", "kv_channels", "global_head_dim", "attention_head_dim")),
    "nope": ("{} without position", ("qk_nope_head_dim",)),
    "rope": ("{} rotary", ("qk_rope_head_dim",)),
    "v_dim": ("{} value", ("v_head_dim",)),
    "q_rank": ("query rank {}", ("q_lora_rank",)),
    "kv_rank": ("latent {}", ("kv_lora_rank",)),
    "intermediate": (
        "intermediate {}",
        (
            "intermediate_size",
            "n_inner",
            "block_ff_dim",
            "ffn_dim",
            "d_ff",
            "encoder_ffn_dim",
            "decoder_ffn_dim",
            "hidden_dim",
            "ffn_hidden_size",
            "intermediate_size_mlp",
        ),
    ),
    "expert_intermediate": (
        "intermediate {}",
        ("moe_intermediate_size", "expert_ffn_hidden_size", "intermediate_size"),
    ),
    "shared_intermediate": (
        "intermediate {}",
        (
            "shared_expert_intermediate_size",
            "moe_shared_expert_intermediate_size",
            "shared_intermediate_size",
            "moe_intermediate_size",
            "intermediate_size",
        ),
    ),
    "experts": (
        "{} experts",
        ("num_local_experts", "n_routed_experts", "num_experts", "moe_num_experts", "num_experts_per_layer"),
    ),
    "shared_experts": (
        "{} shared experts",
        ("n_shared_experts", "num_shared_experts", "moe_num_shared_experts"),
    ),
    "index_heads": ("{} index heads", ("index_n_heads",)),
    "index_dim": ("{}", ("index_head_dim",)),
    "labels": ("{} labels", ("num_labels",)),
    "patch": ("patch {}", ("patch_size",)),
    "temporal_patch": ("{} frames", ("temporal_patch_size",)),
    "channels": ("{} channels", ("num_channels", "in_channels", "in_chans")),
    "mels": ("{} mel bins", ("num_mel_bins",)),
    "projection": ("projection {}", ("projection_dim",)),
    "buckets": ("{} distance buckets", ("relative_attention_num_buckets",)),
    "state": ("state {}", ("state_size", "ssm_state_size", "mamba_d_state", "d_state")),
    "kernel": (
        "kernel {}",
        (
            "conv_kernel",
            "mamba_d_conv",
            "conv_kernel_size",
            "linear_conv_kernel_dim",
            "conv1d_width",
            "conv_L_cache",
        ),
    ),
    "ssm_heads": ("{} heads", ("mamba_num_heads", "mamba_n_heads", "n_mamba_heads", "num_heads")),
    "ssm_head_dim": ("{}", ("mamba_head_dim", "mamba_headdim", "mamba_d_head", "head_dim")),
    "groups": ("{} groups", ("n_groups", "mamba_n_groups", "mamba_ngroups")),
    "key_heads": ("{} key heads", ("linear_num_key_heads",)),
    "value_heads": ("{} value heads", ("linear_num_value_heads",)),
    "key_dim": ("{}", ("linear_key_head_dim",)),
    "value_dim": ("{}", ("linear_value_head_dim",)),
    "attention_hidden": (
        "hidden {}",
        ("attention_hidden_size", "hidden_size", "n_embd", "d_model", "dim", "embed_dim"),
    ),
    "lru": ("recurrence {}", ("lru_width",)),
    "scale": ("{}", ("scale_factor",)),
    "conv_width": ("{} channels", ("conv_dim",)),
}
# One of these is "1 head", not "1 heads".
_COUNTED = (
    "heads",
    "layers",
    "positions",
    "types",
    "experts",
    "labels",
    "channels",
    "bins",
    "groups",
    "frames",
)


class Sizes:
    """The sizes of one part of a model: ``config`` is that part's, ``whole`` the model's.

    ``layer`` is the number of the layer that is looked at: some configs give a size for each.
    """

    def __init__(self, config: Mapping[str, Any], whole: Mapping[str, Any], layer: int | None = None) -> None:
        self._config = config
        self._whole = whole
        self._layer = layer

    def named(self, name: str) -> list[Size]:
        """What ``name`` may be here: mostly one size, none where the config does not tell."""
        if name.isdigit():
            return [Size(int(name), name)]
        if name in _FIELDS:
            text, fields = _FIELDS[name]
            values = [value for field in fields for value in self._values(self._config.get(field))]
        else:
            text, values = "", []
        found = {value: said(text, value) for value in values}
        if name in _DERIVED:
            text, derive = _DERIVED[name]
            for value in derive(self):
                found.setdefault(value, said(text, value))
        return list(islice(starmap(Size, found.items()), _MOST_VALUES))

    def first(self, name: str) -> int | None:
        """The value that is meant where one is enough."""
        return next((size.value for size in self.named(name)), None)

    def given(self, field: str) -> int | None:
        """The entry ``field`` itself, if it is a size."""
        return next(iter(self._values(self._config.get(field))), None)

    def of_part(self, part: str, name: str) -> list[int]:
        """A size of another part of the model: ``vision_config``."""
        config = self._whole.get(part)
        return (
            [size.value for size in Sizes(config, config).named(name)] if isinstance(config, Mapping) else []
        )

    def labels(self) -> Iterator[int]:
        """How many labels a classifier has: those that are named, else two (``PretrainedConfig``)."""
        named = self._whole.get("id2label")
        if isinstance(named, Mapping) and named:
            yield len(named)

    @property
    def config(self) -> Mapping[str, Any]:
        return self._config

    @property
    def whole(self) -> Mapping[str, Any]:
        return self._whole

    def _values(self, value: object) -> list[int]:
        if isinstance(value, (list, tuple)):
            layer = self._layer
            chosen = (
                value[:_MOST_VALUES] if layer is None or layer >= len(value) else value[layer : layer + 1]
            )
            return [size for each in chosen for size in self._values(each)]
        return [value] if type(value) is int and 0 < value < 2**40 else []


def said(text: str, value: int) -> str:
    """``{} heads`` of 8 → ``8 heads``, of 1 → ``1 head``."""
    if value == 1 and text.endswith(_COUNTED):
        text = text[:-1]
    return text.format(f"{value:,}")


def _kv_heads(sizes: Sizes) -> list[int]:
    """As many as heads where a config does not know of less; one for "multi_query" (Falcon, GPTBigCode)."""
    if sizes.config.get("multi_query") is True:
        return [1]
    given = any(sizes.given(field) for field in _FIELDS["kv_heads"][1])
    return [] if given else [size.value for size in sizes.named("heads")]


def _head_dim(sizes: Sizes) -> list[int]:
    """``hidden_size // num_attention_heads``, as attention layers have it where no ``head_dim`` is given."""
    return [hidden.value // heads.value for hidden in sizes.named("hidden") for heads in sizes.named("heads")]


def _hidden(sizes: Sizes) -> list[int]:
    """Vision models in stages have a size for each: listed (ConvNeXt), or doubled by each (Swin)."""
    stages, first = sizes.config.get("depths"), sizes.given("embed_dim")
    listed = sizes.config.get("hidden_sizes")
    found = [size for size in listed if type(size) is int] if isinstance(listed, list) else []
    if isinstance(stages, (list, tuple)) and first:
        found += [first << stage for stage in range(min(len(stages), _MOST_VALUES))]
    return found


def _intermediate(sizes: Sizes) -> list[int]:
    """Four times hidden where nothing is given (GPT-2, GPT-Neo, Bloom, Falcon), or by a ratio (MPT, Swin)."""
    config, kind = sizes.config, sizes.config.get("model_type")
    given = next((value for name in _INTERMEDIATES if (value := sizes.given(name))), None)
    if kind == "lfm2":
        return _lfm2_intermediate(sizes)
    if kind == "recurrent_gemma":
        return [given // 2] if given else []
    ratio = next((config[name] for name in ("expansion_ratio", "mlp_ratio") if name in config), 4)
    if given or type(ratio) not in (int, float) or not 0 < ratio < 100:
        return []
    return [int(ratio * size.value) for size in sizes.named("hidden")]


_INTERMEDIATES = ("intermediate_size", "ffn_dim", "d_ff")


def _lfm2_intermediate(sizes: Sizes) -> list[int]:
    """Two thirds of what is given, rounded up to a multiple (``Lfm2MLP``)."""
    given = sizes.given("block_ff_dim") or sizes.given("intermediate_size")
    step, factor = sizes.given("block_multiple_of"), sizes.config.get("block_ffn_dim_multiplier") or 1
    if not given or not step or sizes.config.get("block_auto_adjust_ff_dim") is False:
        return []
    adjusted = int(factor * int(2 * given / 3))
    return [step * -(-adjusted // step)]


def _channels(sizes: Sizes) -> list[int]:
    """Red, green and blue where a config of images gives no number."""
    fields = _FIELDS["channels"][1]
    sees = "patch_size" in sizes.config and "num_mel_bins" not in sizes.config
    return [3] if sees and not any(name in sizes.config for name in fields) else []


def _queries_and_gates(sizes: Sizes) -> list[int]:
    """2 where the query projection makes a gate, too."""
    kind = sizes.config.get("model_type")
    return [2] if isinstance(kind, str) and kind.startswith(_GATED) else []


_GATED = ("qwen3_next", "qwen3_5")


def _mamba_inner(sizes: Sizes) -> list[int]:
    """``expand × hidden``, or what is given as the mixer's own size."""
    found = [sizes.given(name) for name in ("mamba_d_ssm", "mamba_intermediate_size")]
    expand = next(
        (value for name in ("expand", "mamba_expand") if (value := sizes.given(name)) is not None), None
    )
    hidden = sizes.first("hidden")
    found += [expand * hidden if expand and hidden else None]
    if "state_size" in sizes.config:
        found.append(sizes.given("intermediate_size"))
    heads, width = sizes.first("ssm_heads"), sizes.first("ssm_head_dim")
    found.append(heads * width if heads and width else None)
    return [value for value in found if value]


def _dt_rank(sizes: Sizes) -> list[int]:
    """As given, or a sixteenth of hidden ("auto" in MambaConfig)."""
    hidden = sizes.first("hidden")
    found = [sizes.given(name) for name in ("time_step_rank", "mamba_dt_rank")]
    return [value for value in (*found, -(-hidden // 16) if hidden else None) if value]


def _merged_hidden(sizes: Sizes) -> list[int]:
    """Hidden states of the patches that Qwen-VL merges into one."""
    side = sizes.given("spatial_merge_size")
    hidden = sizes.given("embed_dim") or sizes.given("hidden_size")
    return [side * side * hidden] if side and hidden else []


def _patches(sizes: Sizes) -> list[int]:
    image, patch = sizes.given("image_size"), sizes.given("patch_size")
    return [(image // patch) ** 2] if image and patch else []


def _distances(sizes: Sizes) -> list[int]:
    """Of two patches in one window of Swin: from −(side − 1) to side − 1, in both directions."""
    side = sizes.given("window_size")
    return [(2 * side - 1) ** 2] if side else []


def _of_part(part: str, name: str) -> Callable[[Sizes], list[int]]:
    return lambda sizes: sizes.of_part(part, name)


_DERIVED: dict[str, tuple[str, Callable[[Sizes], list[int]]]] = {
    "kv_heads": ("{} heads", _kv_heads),
    "head_dim": ("{}", _head_dim),
    "hidden": ("hidden {}", _hidden),
    "channels": ("{} channels", _channels),
    "query_and_gate": ("{}", _queries_and_gates),
    "intermediate": ("intermediate {}", _intermediate),
    "ssm_inner": ("inner {}", _mamba_inner),
    "dt_rank": ("step rank {}", _dt_rank),
    "labels": ("{} labels", lambda sizes: list(sizes.labels())),
    "merged_hidden": ("merged patches {}", _merged_hidden),
    "patches": ("{} patches", _patches),
    "distances": ("{} distances", _distances),
    "vision_hidden": ("vision hidden {}", _of_part("vision_config", "hidden")),
    "text_hidden": ("text hidden {}", _of_part("text_config", "hidden")),
    "vision_out": ("text hidden {}", lambda sizes: [v for v in [sizes.given("out_hidden_size")] if v]),
}
