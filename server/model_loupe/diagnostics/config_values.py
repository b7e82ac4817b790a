"""Values of a config that the installed transformers does not know, or knows as incomplete."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from model_loupe.diagnostics.config_problem import Problem
from model_loupe.domain.dimensions import dimensions
from model_loupe.domain.dtypes import canonical_name
from model_loupe.inspector.config_files import Parts
from model_loupe.inspector.installed.choices import activations, layer_types, rope_types
from model_loupe.inspector.installed.packages import Folders, outline_of

_CLASSIC_ROPE = {"linear": ("factor",), "dynamic": ("factor",)}
_REQUIRED = re.compile(
    r"def _validate_(\w+?)_(?:rope_|scaling_rope_)?parameters\(.*?required_keys = \{([^}]*)\}", re.DOTALL
)
_ROPE_SPECIAL = {"linear_scaling": "linear", "dynamic_scaling": "dynamic"}
# Renamed when they are read (``_LEGACY_LAYER_TYPE_REMAP``).
_OLD_LAYER_TYPES = ("mamba", "attention")


def of_rope(folders: Folders, part: Mapping[str, Any], parts: Parts) -> Iterator[Problem]:
    for key in ("rope_scaling", "rope_parameters"):
        given = part.get(key)
        if not isinstance(given, dict):
            continue
        # Of models with several kinds of layers, by kind.
        inner = {name: value for name, value in given.items() if isinstance(value, dict)}
        for name, value in inner.items() if inner else [("", given)]:
            place = (*parts, key, *([name] if name else []))
            yield from _of_rope_parameters(folders, value, place)


def _of_rope_parameters(folders: Folders, given: Mapping[str, Any], place: Parts) -> Iterator[Problem]:
    kind, known = given.get("rope_type", given.get("type", "default")), rope_types(folders)
    if not isinstance(kind, str) or kind in ("default", "mrope"):
        return
    # What was "su" is "longrope"; it is still read.
    if kind not in known and kind != "su" and known:
        named = "rope_type" if "rope_type" in given else "type"
        message = f"{kind} is no rope type of this transformers: {', '.join(known)}"
        yield Problem("config-rope", (*place, named), message)
        return
    missing = [name for name in _needed(folders, kind) if name not in given]
    if missing:
        message = f"Rope of type {kind} needs {' and '.join(missing)}"
        yield Problem("config-rope", place, message)


def _needed(folders: Folders, kind: str) -> tuple[str, ...]:
    """The parameters that transformers' own check of a rope type requires."""
    outline = outline_of(folders, "transformers.modeling_rope_utils")
    if outline is None:
        return _CLASSIC_ROPE.get(kind, ())
    for name, keys in _REQUIRED.findall(outline.text):
        if _ROPE_SPECIAL.get(name, name.removesuffix("_scaling")) == kind:
            listed = re.findall(r"\"(\w+)\"", keys)
            return tuple(each for each in listed if each not in ("rope_type", "type", "rope_theta"))
    return ()


def of_values(folders: Folders, part: Mapping[str, Any], parts: Parts) -> Iterator[Problem]:
    for name in ("hidden_act", "hidden_activation", "activation_function"):
        value, known = part.get(name), activations(folders)
        if isinstance(value, str) and known and value not in known:
            yield Problem("config-value", (*parts, name), _not_one_of(value, "activation function", known))
    for name in ("dtype", "torch_dtype"):
        value = part.get(name)
        if isinstance(value, str) and value != "auto" and canonical_name(value) is None:
            yield Problem("config-value", (*parts, name), f"{value} is no dtype of torch")
    yield from _of_layer_types(folders, part, parts)


def _of_layer_types(folders: Folders, part: Mapping[str, Any], parts: Parts) -> Iterator[Problem]:
    listed, kinds = part.get("layer_types"), layer_types(folders)
    if not isinstance(listed, list):
        return
    unknown = [number for number, kind in enumerate(listed) if kind not in (*kinds, *_OLD_LAYER_TYPES)]
    # Where none of them is a kind of layer, the field means something else.
    if kinds and len(unknown) == len(listed):
        return
    layers, place = dimensions(dict(part)).layers, (*parts, "layer_types")
    if layers and len(listed) != layers:
        message = f"layer_types has {len(listed):,} entries for {layers:,} layers"
        yield Problem("config-layer-types", place, message)
    for number in unknown[:1] if kinds else ():
        message = _not_one_of(str(listed[number]), "kind of layer", kinds)
        yield Problem("config-layer-types", (*place, number), message)


def _not_one_of(value: str, noun: str, known: list[str]) -> str:
    near = get_close_matches(value, known, 1)
    return f"{value} is no {noun} of this transformers" + (f"; did you mean {near[0]}?" if near else "")
