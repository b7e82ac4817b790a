"""Floating point operations of a forward pass, for one position.

Each weight of a matrix that meets a position costs a multiplication and an addition
(Kaplan et al., "Scaling Laws for Neural Language Models", arXiv:2001.08361, section 2.1), and so does each of
a kernel where it is applied. Norms, activations and biases are left out there, and here. Held against
``torch.utils.flop_counter`` in ``tests/libraries/test_flops.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod
from typing import Any, NamedTuple

from model_loupe.domain.experts import Experts, is_routed
from model_loupe.domain.explain.explanation import Explanation, Subject, explain
from model_loupe.domain.explain.scope import Scope, scope_of

SOURCE = "2 for each weight, Kaplan et al. 2020, arXiv:2001.08361"
# What goes through each of these has positions of its own.
_STREAMS = ("encoder", "decoder", "vision_tower", "vision_model", "visual", "language_model", "text_model")
_CROSS = ("encoder_attn", "EncDecAttention", "crossattention", "cross_attn")
_OF_OTHERS = ("k_proj", "v_proj", "k", "v", "key", "value")
_SHARED = "albert_layer_groups"
# Begins the name of a stream that even what has no name for its own does not share.
_OWN = "="
_LATENT_QUERIES = ("heads", "nope", "rope")
_GATHERED = (("heads", "head_dim"), ("heads", "v_dim"))
# Looked up, left out, or met once a text.
_NOT_COUNTED = ("embedding", "norm", "values", "pooled")


class Counted(NamedTuple):
    """A module with parameters of its own, and how many equal ones stand for it."""

    subject: Subject
    copies: int


def attention_flops(modules: Iterable[Counted], config: Mapping[str, Any]) -> int:
    """Operations per position for each position that it attends to: scores and values of all heads.

    2 for each number of a query, and 2 for each of what the heads gather; both are as long but in latent
    attention, of which this is what transformers computes: its keys and values are expanded. Told by the
    matrices that make queries and those that take what was gathered, if both are there: BERT has the latter
    in a module of their own, which computes no scores. Where others choose what is attended to (an indexer),
    nothing is said.
    """
    asked = latent = gathered = 0
    for subject, copies in modules:
        found = explain(subject, scope_of(config, subject.path))
        if found is None or found.matrix is None or not found.matrix.maps:
            continue
        made, given = found.matrix.axes
        if "index_heads" in made.names:
            return 0
        if made.names == _LATENT_QUERIES:
            latent += copies * made.length
        asked += copies if "heads" in made.names else 0
        if given.names in _GATHERED:
            gathered += copies * given.length
    return 2 * (latent or gathered) + 2 * gathered if asked and gathered else 0


def repeated(modules: Iterable[Counted], config: Mapping[str, Any], path: str) -> list[Counted]:
    """``modules`` of the part at ``path``, as often as it runs them.

    ALBERT runs its groups of layers in turn, until there were ``num_hidden_layers`` of them.
    """
    layers, groups = config.get("num_hidden_layers"), config.get("num_hidden_groups", 1)
    known = type(layers) is int and type(groups) is int and groups > 0 and layers % groups == 0
    if not known or _SHARED in path:
        return list(modules)
    return [each._replace(copies=each.copies * _runs(each, layers // groups)) for each in modules]


def _runs(module: Counted, times: int) -> int:
    return times if _SHARED in module.subject.path else 1


def flops_of(modules: Iterable[Counted], config: Mapping[str, Any], experts: Experts | None) -> int | None:
    """Operations per position of all ``modules``; None where one of them is not explained.

    None, too, where they do not meet the same positions: images and text, encoder and decoder, stages. Of a
    convolution alone whose positions are not known it is per position that it gives.
    """
    total = 0
    streams: set[str] = set()
    for subject, copies in modules:
        if not any(len(shape) > 1 for _, shape in subject.parameters):
            continue
        scope = scope_of(config, subject.path)
        found = explain(subject, scope)
        if found is None or found.matrix is None:
            return None
        if found.kind in _NOT_COUNTED:
            continue
        streams.add(_stream(subject.path, found, scope))
        if _are_several(streams) or (found.kind == "convolution" and found.runs is None and copies > 1):
            return None
        weights = prod(axis.length for axis in found.matrix.axes) * (found.runs or 1)
        if found.kind == "experts" or is_routed(f".{subject.path}."):
            if experts is None:
                return None
            weights = weights * experts.per_token // experts.total
        total += 2 * copies * weights
    return total


def convolved(found: Explanation, scope: Scope) -> int | None:
    """How many positions a convolution makes of one image or one window of sound, where the config tells."""
    if found.kind != "convolution" or found.runs is None:
        return None
    return scope.sizes.first("patches") or scope.sizes.given("max_source_positions")


def _stream(path: str, found: Explanation, scope: Scope) -> str:
    """Whose positions a module meets; "" where there is but one kind of them."""
    words = path.split(".")
    # Behind a mask (ViTMAE) the layers see a part of what the convolution makes.
    if found.kind == "convolution" and (found.runs is None or "mask_ratio" in scope.sizes.config):
        return f"{_OWN}{path}"
    if found.matrix and any("merged_hidden" in axis.names for axis in found.matrix.axes):
        return f"{_OWN}merged"
    if words[-1] in _OF_OTHERS and any(word in _CROSS for word in words):
        return "others"
    if "depths" in scope.sizes.config:
        # Each stage merges positions, the last step of the one before.
        stage = next((word for word in words if word.isdigit()), "first")
        return f"{stage} {'downsample' in words}"
    return next((word for word in words if word in _STREAMS), "")


def _are_several(streams: set[str]) -> bool:
    shared = streams if any(stream.startswith(_OWN) for stream in streams) else streams - {""}
    return len(shared) > 1
