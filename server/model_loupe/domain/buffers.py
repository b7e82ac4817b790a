"""Which stored tensors are buffers: what a module keeps with ``register_buffer`` is no parameter.

Headers do not say it, names do: these are the buffers that transformers, timm and torch save, as found by
building the models of transformers 5.23 (tests/libraries/test_architectures.py holds the rules against them).
"""

from __future__ import annotations

from model_loupe.domain.dtypes import BY_NAME
from model_loupe.domain.tensors import TensorKind, TensorTable

# By how their names end: numbers and rows of numbers.
_VECTORS = (
    "position_ids",
    "token_type_ids",
    "inv_freq",
    ".freqs",
    "masked_bias",
    # Batch normalisation.
    "running_mean",
    "running_var",
    "num_batches_tracked",
    # Balances the load of experts; set by a rule, not by a gradient (DeepSeek-V3, arXiv:2412.19437, 2.1.2).
    "gate.e_score_correction_bias",
    "moe.e_score_correction_bias",
    "router.e_score_correction_bias",
    "mlp.e_score_correction_bias",
    "gate.expert_bias",
    "router.expert_bias",
    "moe.router_bias",
    "ffn.gate.bias",
    "gate.balancing_biases",
    # Gemma 4.
    "layer_scalar",
    "std_bias",
    "std_scale",
    ".input_min",
    ".input_max",
    ".output_min",
    ".output_max",
    # Apertus.
    "act_fn.beta",
    "act_fn.eps",
    # Codebooks of audio codecs, which follow a running mean.
    "codebook.cluster_size",
    "codebook.cluster_usage",
    "codebook.inited",
    "codebook.initialized",
    # Normalisation and scales of single models.
    "vocoder.mean",
    "vocoder.scale",
    "latent_mean",
    "latent_std",
    "global_mean",
    "global_invstd",
    "rotary_emb.alpha",
    "lerope.alpha",
    "flow_lm.emb_mean",
    "flow_lm.emb_std",
    "num_points_scale",
    "n_points_scale",
    # I-BERT.
    "weight_scaling_factor",
    "fc_scaling_factor",
    "act_scaling_factor",
    "bias_integer",
    ".x_min",
    ".x_max",
    "LayerNorm.shift",
    # GGUF's rotary frequencies.
    "rope_freqs.weight",
    "rope_factors_long.weight",
    "rope_factors_short.weight",
)
# Matrices and more.
_MATRICES = (
    "final_logits_bias",
    "codebook.embed",
    "codebook.embed_avg",
    "codebook.embed_sum",
    "pos_idx_to_embed",
    "embed_positions.weights",
    "relative_coords_table",
    "attn_mask",
    "causal_mask",
    "cos_cached",
    "sin_cached",
    "slope_rate",
    "query_decay",
    "key_decay",
    "diagonal_decay",
    "weight_integer",
    "input_conditioner.norm_mean",
    "input_conditioner.norm_std",
)
# What is a buffer in some models and a parameter in others, by how the architecture begins.
_SHARED_EMBEDDINGS = (
    "shared_embedding.positional_embedding",
    "shared_image_embedding.positional_embedding",
)
_BY_ARCHITECTURE = {
    "EdgeTam": _SHARED_EMBEDDINGS,
    "HYV3": ("mlp.expert_bias",),
    "Inkling": ("mlp.gate.bias",),
    "Sam2": _SHARED_EMBEDDINGS,
    "Sam3": _SHARED_EMBEDDINGS,
    "VideoPrism": ("text_model.embeddings.position_embedding",),
}
# Models have some for each layer; of experts' weights there are tens of thousands.
_MOST_MATRICES = 1_000
# The causal masks of GPT-2, GPT-Neo and GPT-NeoX: a lower triangle [1, 1, n, n].
_MASKS = (".bias",)
_STATISTICS, _STEPS = ".running_var", ".num_batches_tracked"
# Detectors whose backbones keep their batch normalisation as it was: its weight and bias are buffers too.
_FROZEN = ("Detr", "TableTransformer", "ObjectDetection")


def buffers_of(table: TensorTable, architecture: str | None, *, packed: bool) -> dict[TensorKind, int]:
    """How many tensors of each kind are buffers. ``packed``: integers may be weights."""
    own = _own(architecture or "")
    counts: dict[TensorKind, int] = {}
    for kind, names in table.names_by_kind.items():
        if endings := _endings(kind, len(names), own, packed):
            counts[kind] = len([True for name in names if name.endswith(endings)])
    for kind in _frozen(table, architecture or ""):
        counts[kind] = counts.get(kind, 0) + 1
    return counts


def _own(architecture: str) -> tuple[str, ...]:
    found = (endings for start, endings in _BY_ARCHITECTURE.items() if architecture.startswith(start))
    return next(found, ())


def _endings(kind: TensorKind, tensors: int, own: tuple[str, ...], packed: bool) -> tuple[str, ...]:
    """How the names of buffers of this kind end; none for a kind whose names need no look."""
    if not is_floating(kind):
        # Gradients need floating point: a tensor of integers can be no parameter, unless it is packed.
        return _VECTORS + _MATRICES if packed else ("",)
    shape = kind.shape
    if len(shape) < 2:
        return _VECTORS + own
    if tensors > _MOST_MATRICES:
        return ()
    is_mask = len(shape) == 4 and shape[:2] == (1, 1) and shape[2] == shape[3] > 1
    return _MATRICES + own + (_MASKS if is_mask else ())


def is_floating(kind: TensorKind) -> bool:
    """Whether the dtype is one of floating point, or unknown."""
    dtype = BY_NAME.get(kind.dtype)
    return dtype is None or dtype.is_floating


def _frozen(table: TensorTable, architecture: str) -> list[TensorKind]:
    """Weights and biases of batch norms that are frozen: they count no batches (``FrozenBatchNorm2d``).

    Files older than torch 0.4.1 counted none at all, so one counter elsewhere or the architecture has to
    say that these are frozen.
    """
    vectors = [
        name
        for kind, names in table.names_by_kind.items()
        if len(kind.shape) == 1 and is_floating(kind)
        for name in names
        if name.endswith(_STATISTICS)
    ]
    stems = [name.removesuffix(_STATISTICS) for name in vectors]
    frozen = [stem for stem in stems if stem + _STEPS not in table.tensors]
    if len(frozen) == len(stems) and not any(word in architecture for word in _FROZEN):
        return []
    found = (table.tensors.get(f"{stem}.{name}") for stem in frozen for name in ("weight", "bias"))
    return [kind for kind in found if kind]
