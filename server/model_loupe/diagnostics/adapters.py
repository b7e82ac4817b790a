"""``adapter-base-mismatch``: the matrices of a LoRA against the layers that they are for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from model_loupe.diagnostics.finding import Document, Finding, Fix
from model_loupe.diagnostics.fixes import naming
from model_loupe.documents import Reference
from model_loupe.domain.units import format_shape, plural
from model_loupe.inspector import Description

# As PEFT saves them (``get_peft_model_state_dict``).
_MATRIX = re.compile(r"(?:base_model\.model\.)?(.+)\.lora_([AB])(?:\.default)?\.weight$")


def adapters(document: Document) -> Iterator[Finding]:
    """Adapters that do not fit the model that the code puts them on."""
    for adapter, base in document.adapted:
        matrices, model = document.description(adapter), document.description(base)
        if matrices is None or model is None:
            continue
        why = _difference(matrices, model)
        if why is not None:
            message = f"{adapter.model} does not fit {base.model}: {why}."
            fixes = _named_base(matrices, base)
            yield Finding("adapter-base-mismatch", adapter.cell, adapter.span, message, fixes)


def _named_base(adapter: Description, base: Reference) -> tuple[Fix, ...]:
    """Loads the model that the adapter's own config names."""
    named = adapter.adapter.base if adapter.adapter else None
    if named is None or named == base.model:
        return ()
    return (naming(f"Put it on {named}, which its config names", base, named),)


def _difference(adapter: Description, base: Description) -> str | None:
    """The first layer that does not fit; None if all do, or if the names of the two cannot be compared."""
    if base.quantization is not None or not base.weights.complete or base.weights.gguf is not None:
        return None
    layers = base.weights.table.tensors
    absent: list[str] = []
    found = 0
    for name, kind in adapter.weights.table.tensors.items():
        matched = _MATRIX.match(name)
        if matched is None or len(kind.shape) != 2:
            continue
        path, side = matched.groups()
        layer = layers.get(f"{path}.weight")
        if layer is None:
            absent += [path] if _would_be_stored(path) else []
            continue
        found += 1
        # LoRA's A is (rank, in) and B (out, rank); a Conv1D of GPT-2 stores (in, out).
        size = kind.shape[1] if side == "A" else kind.shape[0]
        if len(layer.shape) == 2 and size not in layer.shape:
            takes = f"is for a layer with {size:,} {'inputs' if side == 'A' else 'outputs'}"
            return f"{path}.lora_{side} {takes}, and the layer is {format_shape(layer.shape)}"
    if found and absent:
        return f"it has matrices for {plural(len(set(absent)), 'layer')} that are not there ({absent[0]})"
    return None


def _would_be_stored(path: str) -> bool:
    """Whether a checkpoint with this layer has it under its name.

    A tied head is not stored, and experts may be fused when they are loaded.
    """
    parts = path.split(".")
    return "experts" not in parts and any(map(str.isdecimal, parts))
