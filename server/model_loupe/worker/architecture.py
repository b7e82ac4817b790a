"""The request for a model's architecture: what is built, as a tree, with what the checkpoint has for it."""

from __future__ import annotations

import json
from typing import Any

import transformers

from .building import Built, build, forget
from .dtypes import kept_in_float32, name_of, quantized_dtype
from .folding import Folded
from .joining import Checkpoint, Join, join
from .quantizing import logical_elements, quantize, quantizer_of
from .sources import Sources
from .stack import version_of


def architecture(params: dict[str, Any]) -> dict[str, Any]:
    """The module tree of what ``build`` makes of ``params``.

    With ``checkpoint`` (``joining.Checkpoint.parse``) also what its tensors become, and layers as the
    checkpoint's quantiser replaces them.
    """
    built = build(params)
    checkpoint = Checkpoint.parse(params.get("checkpoint"))
    if checkpoint is None:
        return _answer(built)
    notes: list[str] = []
    logical: dict[str, int] | None = None
    quantizer = quantizer_of(built.model.config, notes)
    if quantizer is not None:
        logical = logical_elements(built.model)
        # From here on the model is no more what was asked for without a checkpoint.
        forget(params)
        if quantize(built.model, quantizer, notes):
            built = built._replace(load=quantized_dtype(quantizer, built.load))
        else:
            built, logical, quantizer = build(params), None, None
    return _answer(built, join(built.model, checkpoint, quantizer), logical, notes)


def _answer(
    built: Built,
    joined: Join | None = None,
    logical: dict[str, int] | None = None,
    notes: list[str] | None = None,
) -> dict[str, Any]:
    model = built.model
    stored = joined.stored if joined else {}
    # Version 5 makes a new parameter of each tensor it loads (``set_param_for_module``).
    made_trainable = version_of("transformers") >= (5, 0) and logical is None
    folded = Folded(model, kept_in_float32(model, built.load.dtype), stored, logical, made_trainable)
    sources = Sources()
    tree = folded.tree(sources)
    root = folded.shapes[folded.root]
    return {
        "class": type(model).__name__,
        "transformers": transformers.__version__,
        "tree": tree,
        "classes": sources.classes,
        "text": folded.text(),
        "parameters": root.elements,
        "trainable": folded.trainable if logical is None else root.elements,
        "bytes": None if logical is not None or notes else root.nbytes,
        "dtype": name_of(built.load.dtype),
        "rule": built.load.rule,
        "quantized": logical is not None,
        "tied": list(folded.tied.values()),
        "join": joined.report() if joined else None,
        "notes": notes or [],
        "config": _config(model.config),
    }


def _config(config: Any) -> dict[str, Any]:
    """The config with its class's defaults; empty for one that is not JSON."""
    try:
        found = json.loads(config.to_json_string(use_diff=False))
    except (TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
