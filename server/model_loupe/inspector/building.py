"""What a call builds: the question to the worker, and its answer as plain values."""

from __future__ import annotations

from typing import Any

from model_loupe.domain.architecture import (
    Architecture,
    BuiltBuffer,
    BuiltModule,
    BuiltParameter,
    ClassSource,
    Join,
    Mismatch,
    Placement,
)
from model_loupe.domain.loading import LoadOptions
from model_loupe.domain.tensors import TensorTable
from model_loupe.inspector.description import Description

# From so many tensors on, telling them all takes longer than what is built without them.
MANY_TENSORS = 5_000


def can_be_built(description: Description) -> bool:
    """Whether there is a config to build from: an adapter's or a pipeline's own files have none."""
    is_model = bool(description.config) and description.adapter is None
    return is_model and description.pipeline != "diffusers"


def question(description: Description, options: LoadOptions, *, joined: bool) -> dict[str, Any]:
    """The parameters of the worker's ``architecture``; with the checkpoint's tensors if ``joined``."""
    params: dict[str, Any] = {
        "config": description.config,
        "name": description.request.model.rstrip("/").rpartition("/")[2],
        "builder": options.builder,
        "task": options.task,
        "overrides": dict(options.overrides),
        "dtype": options.dtype,
        "first_floating": description.weights.first_floating_dtype,
    }
    if joined and can_be_joined(description):
        params["checkpoint"] = {
            "kinds": _kinds(description.weights.table),
            "packed": description.quantization is not None,
        }
    return params


def can_be_joined(description: Description) -> bool:
    """Whether the checkpoint's names are a model's: those of GGUF are not, and some may be missing."""
    weights = description.weights
    return weights.complete and len(weights.table) > 0 and weights.gguf is None


def _kinds(table: TensorTable) -> list[list[Any]]:
    # A name holds no line break, but a hostile file's may.
    return [
        [kind.dtype, kind.shape, kind.nbytes, "\n".join(name for name in names if "\n" not in name)]
        for kind, names in table.names_by_kind.items()
    ]


def architecture_of(answer: dict[str, Any]) -> Architecture:
    """The worker's answer as values."""
    classes = [
        ClassSource(each["name"], each["module"], each["file"], each["line"]) for each in answer["classes"]
    ]
    return Architecture(
        class_name=answer["class"],
        transformers=answer["transformers"],
        root=_module(answer["tree"], classes),
        text=answer["text"],
        parameters=answer["parameters"],
        trainable=answer["trainable"],
        nbytes=answer["bytes"],
        dtype=answer["dtype"],
        rule=answer["rule"],
        tied=tuple(map(tuple, answer["tied"])),
        join=_join(answer["join"]) if answer["join"] else None,
        notes=tuple(answer["notes"]),
        config=answer["config"],
    )


def _module(node: dict[str, Any], classes: list[ClassSource]) -> BuiltModule:
    return BuiltModule(
        name=node["name"],
        class_name=node["class"],
        source=classes[node["source"]],
        repr=node["repr"],
        indices=tuple(node.get("indices", ())),
        elements=node["elements"],
        nbytes=node["bytes"],
        stored_nbytes=node["stored_bytes"],
        parameters=tuple(_parameter(each) for each in node.get("parameters", ())),
        buffers=tuple(
            BuiltBuffer(each["name"], tuple(each["shape"]), each["dtype"], each["persistent"])
            for each in node.get("buffers", ())
        ),
        children=tuple(_module(child, classes) for child in node.get("children", ())),
    )


def _parameter(given: dict[str, Any]) -> BuiltParameter:
    stored = given["stored"]
    return BuiltParameter(
        given["name"],
        tuple(given["shape"]),
        given["dtype"],
        given["bytes"],
        given["trainable"],
        given["tied_to"],
        stored["dtype"] if stored else None,
        stored["bytes"] if stored else None,
    )


def _join(given: dict[str, Any]) -> Join:
    return Join(
        tuple(given["missing"]),
        given["missing_count"],
        tuple(given["unexpected"]),
        given["unexpected_count"],
        tuple(
            Mismatch(each["name"], tuple(each["checkpoint"]), tuple(each["model"]))
            for each in given["mismatched"]
        ),
        given["mismatched_count"],
        given["renamed"],
    )


def placement_of(strategy: str, answer: dict[str, Any]) -> Placement:
    """The worker's answer to ``placement`` as values."""
    modules = [(each["module"], each["device"], each["bytes"]) for each in answer["placements"]]
    return Placement(strategy, tuple(modules), answer["devices"], answer["max_memory"])
