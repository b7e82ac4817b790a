"""What a call builds, as JSON (``inspect --tree --json``)."""

from __future__ import annotations

from typing import Any

from model_loupe.domain.architecture import Architecture, BuiltModule, BuiltParameter


def built_json(built: Architecture) -> dict[str, Any]:
    """Totals, load dtype, ties and what differs from the checkpoint."""
    return {
        "class": built.class_name,
        "parameters": built.parameters,
        "trainable": built.trainable,
        "bytes": built.nbytes,
        "dtype": built.dtype,
        "rule": built.rule,
        "tied": built.tied,
        "join": _join(built),
        "notes": built.notes,
    }


def _join(built: Architecture) -> dict[str, Any] | None:
    join = built.join
    if join is None:
        return None
    return {**join._asdict(), "mismatched": [each._asdict() for each in join.mismatched]}


def built_tree_json(built: Architecture) -> dict[str, Any]:
    """The module tree as nodes ``{path, class, repr, count, parameters, buffers, children}``.

    A folded node's ``path`` has the range in it, its ``indices`` list the members, and below it the first
    member stands for all. A parameter's ``dtype`` and ``bytes`` are as stored where the checkpoint has it,
    else as loaded; ``loaded`` has those once loaded.
    """
    return _node(built.root, "", built)


def _node(module: BuiltModule, path: str, built: Architecture) -> dict[str, Any]:
    node: dict[str, Any] = {
        "path": path,
        "class": module.class_name,
        "repr": module.repr,
        "count": module.copies,
    }
    if module.indices:
        node["indices"] = module.indices
    node.update(
        elements=module.elements,
        bytes=module.stored_nbytes if built.join else module.nbytes,
        loaded_bytes=module.nbytes if built.nbytes is not None else None,
        source=module.source._asdict() if module.source else None,
        parameters=[_parameter(each) for each in module.parameters],
        buffers=[each._asdict() for each in module.buffers],
        children=[
            _node(child, f"{path}.{child.name}" if path else child.name, built) for child in module.children
        ],
    )
    return node


def _parameter(parameter: BuiltParameter) -> dict[str, Any]:
    stored = parameter.stored_dtype is not None
    return {
        "name": parameter.name,
        "shape": parameter.shape,
        "dtype": parameter.stored_dtype if stored else parameter.dtype,
        "bytes": parameter.stored_nbytes if stored else parameter.nbytes,
        "tied_to": parameter.tied_to,
        "trainable": parameter.trainable,
        "stored": stored,
        "loaded": {"dtype": parameter.dtype, "bytes": parameter.nbytes},
    }
