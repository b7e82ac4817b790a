"""What is inconsistent in a checkpoint's JSON files, and what the installed transformers would not take."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

from model_loupe.domain.dimensions import Dimensions, dimensions, size_of
from model_loupe.domain.dtypes import canonical_name
from model_loupe.inspector.config_files import (
    ConfigFile,
    Parts,
    owner_of,
    replacement,
    tokens_beside,
    value_at,
)
from model_loupe.inspector.environment import version_on
from model_loupe.inspector.installed.choices import activations, layer_types, rope_types
from model_loupe.inspector.installed.classes import Class
from model_loupe.inspector.installed.configs import model_types
from model_loupe.inspector.installed.packages import Folders, outline_of

_CLASSIC_ROPE = {"linear": ("factor",), "dynamic": ("factor",)}
_REQUIRED = re.compile(
    r"def _validate_(\w+?)_(?:rope_|scaling_rope_)?parameters\(.*?required_keys = \{([^}]*)\}", re.DOTALL
)
_ROPE_SPECIAL = {"linear_scaling": "linear", "dynamic_scaling": "dynamic"}
_SAMPLING = ("temperature", "top_p", "top_k", "min_p", "typical_p")
# Values with which these do nothing.
_NEUTRAL = {"temperature": 1.0, "top_p": 1.0, "top_k": 50, "typical_p": 1.0}
_IDS = ("bos_token_id", "eos_token_id", "pad_token_id", "sep_token_id", "decoder_start_token_id")
_PLAIN = {"int": (int,), "float": (int, float), "bool": (bool,), "str": (str,)}


class Problem(NamedTuple):
    """``parts`` lead to the field; ``replace`` is the name that it should have, where a new name is all."""

    code: str
    parts: Parts
    message: str
    replace: str | None = None


def problems(folders: Folders, file: ConfigFile) -> list[Problem]:
    """What is wrong in a file; never raises for strange values."""
    if file.kind == "generation":
        return list(_of_generation(file.value))
    if file.kind != "config":
        return []
    found: list[Problem] = list(_of_model_type(folders, file.value))
    for parts in _configs(file.value):
        owner = owner_of(folders, file, parts)
        part = value_at(file.value, parts)
        found += _of_sizes(part, parts, owner)
        found += _of_tokens(part, parts)
        found += _of_rope(folders, part, parts)
        found += _of_values(folders, part, parts)
        found += _of_names(part, parts, owner)
        found += _of_types(part, parts, owner)
    return [*found, *_of_tokenizer(file)]


def _configs(config: Mapping[str, Any]) -> list[Parts]:
    inner: list[Parts] = [(key,) for key, value in config.items() if _is_config(key, value)]
    return [(), *inner]


def _is_config(key: str, value: object) -> bool:
    return key.endswith("_config") and key != "quantization_config" and isinstance(value, dict)


def _of_model_type(folders: Folders, config: Mapping[str, Any]) -> Iterator[Problem]:
    named, known = config.get("model_type"), model_types(folders)
    if not isinstance(named, str) or not known or named in known or "auto_map" in config:
        return
    version = version_on(folders, "transformers")
    near = get_close_matches(named, known, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    written = config.get("transformers_version")
    newer = f"; the file was written by {written}" if isinstance(written, str) else ""
    yield Problem(
        "config-model-type",
        ("model_type",),
        f"transformers {version} has no model type {named}{hint or newer}",
    )


def _of_sizes(part: dict[str, Any], parts: Parts, owner: Class | None) -> Iterator[Problem]:
    sizes = dimensions(part) if "text_config" not in part else None
    if sizes is None or not sizes.heads:
        return
    yield from _of_heads(part, parts, sizes, owner)
    if sizes.kv_heads and sizes.heads % sizes.kv_heads:
        yield Problem(
            "config-kv-heads",
            (*parts, _first(part, "num_key_value_heads", "num_kv_heads")),
            f"{sizes.kv_heads:,} KV heads cannot share {sizes.heads:,} attention heads evenly",
        )
    listed, layers = part.get("layer_types"), sizes.layers
    if isinstance(listed, list) and layers and len(listed) != layers:
        message = f"layer_types has {len(listed):,} entries for {layers:,} layers"
        yield Problem("config-layer-types", (*parts, "layer_types"), message)


def _of_heads(
    part: dict[str, Any], parts: Parts, sizes: Dimensions, owner: Class | None
) -> Iterator[Problem]:
    # A class with a head_dim of its own does not divide.
    has_head_dim = size_of(part, "head_dim") or (owner and owner.fields.get("head_dim"))
    latent = part.get("kv_lora_rank") or part.get("qk_rope_head_dim")
    if has_head_dim or latent or not sizes.hidden or not sizes.heads or not sizes.hidden % sizes.heads:
        return
    name = _first(part, "num_attention_heads", "n_head", "n_heads", "num_heads", "encoder_attention_heads")
    message = (
        f"{sizes.heads:,} heads do not divide the hidden size of {sizes.hidden:,}, and there is no head_dim"
    )
    yield Problem("config-heads", (*parts, name), message)


def _first(part: Mapping[str, Any], *names: str) -> str:
    return next((name for name in names if name in part), names[0])


def _of_tokens(part: Mapping[str, Any], parts: Parts) -> Iterator[Problem]:
    rows = size_of(dict(part), "vocab_size")
    for name in _IDS if rows else ():
        given = part.get(name)
        for number in given if isinstance(given, list) else [given]:
            if type(number) is int and rows is not None and number >= rows:
                message = f"The id {number:,} is beyond the vocabulary of {rows:,}"
                yield Problem("config-token-id", (*parts, name), message)


def _of_tokenizer(file: ConfigFile) -> Iterator[Problem]:
    """Ids that the tokenizer's files name one by one, against the rows of the embedding."""
    inner = file.value.get("text_config")
    parts: Parts = ("text_config", "vocab_size") if isinstance(inner, dict) else ("vocab_size",)
    rows = value_at(file.value, parts)
    highest = max(tokens_beside(file.path), default=-1)
    if type(rows) is int and highest >= rows:
        message = f"The tokenizer has a token with the id {highest:,}, the embedding has {rows:,} rows"
        yield Problem("config-vocabulary", parts, message)


def _of_rope(folders: Folders, part: Mapping[str, Any], parts: Parts) -> Iterator[Problem]:
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


def _of_values(folders: Folders, part: Mapping[str, Any], parts: Parts) -> Iterator[Problem]:
    for name in ("hidden_act", "hidden_activation", "activation_function"):
        value, known = part.get(name), activations(folders)
        if isinstance(value, str) and known and value not in known:
            yield Problem("config-value", (*parts, name), _not_one_of(value, "activation function", known))
    for name in ("dtype", "torch_dtype"):
        value = part.get(name)
        if isinstance(value, str) and value != "auto" and canonical_name(value) is None:
            yield Problem("config-value", (*parts, name), f"{value} is no dtype of torch")
    listed, kinds = part.get("layer_types"), layer_types(folders)
    for number, kind in enumerate(listed if isinstance(listed, list) else ()):
        if kinds and isinstance(kind, str) and kind not in (*kinds, "mamba", "attention"):
            yield Problem(
                "config-layer-types",
                (*parts, "layer_types", number),
                _not_one_of(kind, "kind of layer", kinds),
            )
            return


def _not_one_of(value: str, noun: str, known: list[str]) -> str:
    near = get_close_matches(value, known, 1)
    return f"{value} is no {noun} of this transformers" + (f"; did you mean {near[0]}?" if near else "")


def _of_names(part: Mapping[str, Any], parts: Parts, owner: Class | None) -> Iterator[Problem]:
    for name in part if owner else ():
        moved = replacement(owner, name) if owner else ()
        if moved and moved[0] not in part and part[name] is not None:
            new = ".".join(moved)
            simple = new if len(moved) == 1 else None
            message = f"{owner.name if owner else ''} calls this {new} by now; {name} is still read"
            yield Problem("config-superseded", (*parts, name), message, simple)


def _of_types(part: Mapping[str, Any], parts: Parts, owner: Class | None) -> Iterator[Problem]:
    for name, value in part.items() if owner else ():
        field = owner.fields.get(name) if owner else None
        allowed = _plain_types(field.type) if field else None
        if allowed is None or value is None or (isinstance(value, allowed) and _is_no_bool(value, allowed)):
            continue
        shown = type(value).__name__
        message = f"{name} is of type {field.type if field else ''}, not {shown}"
        yield Problem("config-type", (*parts, name), message)


def _is_no_bool(value: object, allowed: tuple[type, ...]) -> bool:
    return not isinstance(value, bool) or bool in allowed


def _plain_types(annotation: str) -> tuple[type, ...] | None:
    """The types of ``int | float | None``; None for an annotation that is not made of plain ones."""
    words = [word.strip() for word in annotation.split("|")]
    if not annotation or any(word not in (*_PLAIN, "None") for word in words):
        return None
    return tuple({kind for word in words for kind in _PLAIN.get(word, ())})


def _of_generation(config: Mapping[str, Any]) -> Iterator[Problem]:
    if config.get("do_sample") is True:
        return
    for name in _SAMPLING:
        value = config.get(name)
        if isinstance(value, (int, float)) and value != _NEUTRAL.get(name) and not isinstance(value, bool):
            message = f"{name} has no effect without do_sample: true"
            yield Problem("generation-sampling", (name,), message)
