"""Floating point operations of a forward pass, for one position.

Each weight of a matrix that meets a position costs a multiplication and an addition
(Kaplan et al., "Scaling Laws for Neural Language Models", arXiv:2001.08361, section 2.1). Norms, activations
and biases are left out there, and here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod
from typing import Any, NamedTuple

from model_loupe.domain.experts import Experts, is_routed
from model_loupe.domain.explain.explanation import Subject, explain
from model_loupe.domain.explain.scope import scope_of

SOURCE = "2 for each weight, Kaplan et al. 2020, arXiv:2001.08361"
# What goes through each of these has positions of its own.
_STREAMS = ("encoder", "decoder", "vision_tower", "vision_model", "visual", "language_model", "text_model")
_CROSS = ("encoder_attn", "EncDecAttention", "crossattention", "cross_attn")
_OF_OTHERS = ("k_proj", "v_proj", "k", "v", "key", "value")
_SHARED = "albert_layer_groups"
# Looked up, left out, or met once a text.
_NOT_COUNTED = ("embedding", "norm", "values", "pooled")


class Counted(NamedTuple):
    """A module with parameters of its own, and how many equal ones stand for it."""

    subject: Subject
    copies: int


def attention_flops(modules: Iterable[Counted], config: Mapping[str, Any]) -> int:
    """Operations per position for each position that it attends to: scores and values of all heads (2 + 2).

    Told by the matrices that take what the heads gathered, if those that ask are there, too: BERT has them in
    a module of their own, which computes no scores. Of latent attention nothing is said.
    """
    total = 0
    asks = False
    for subject, copies in modules:
        found = explain(subject, scope_of(config, subject.path))
        if found is None or found.matrix is None or not found.matrix.maps:
            continue
        made, gathered = found.matrix.axes
        asks = asks or "heads" in made.names
        if gathered.names == ("heads", "head_dim"):
            total += 4 * copies * gathered.length
    return total if asks else 0


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

    None, too, where they do not meet the same positions: images and text, encoder and decoder.
    """
    total = 0
    streams: set[str] = set()
    for subject, copies in modules:
        if not any(len(shape) > 1 for _, shape in subject.parameters):
            continue
        found = explain(subject, scope_of(config, subject.path))
        if found is None or found.matrix is None or found.kind == "convolution":
            return None
        if found.kind in _NOT_COUNTED:
            continue
        streams.add(_stream(subject.path.split(".")))
        if len(streams - {""}) > 1:
            return None
        weights = prod(axis.length for axis in found.matrix.axes)
        if found.kind == "experts" or is_routed(f".{subject.path}."):
            if experts is None:
                return None
            weights = weights * experts.per_token // experts.total
        total += 2 * copies * weights
    return total


def _stream(words: list[str]) -> str:
    """Whose positions a module meets; "" where there is but one kind of them."""
    if words[-1] in _OF_OTHERS and any(word in _CROSS for word in words):
        return "others"
    return next((word for word in words if word in _STREAMS), "")
