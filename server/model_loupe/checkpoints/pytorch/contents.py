"""What the pickles of a file say: the tensors, how they share storages, and what else there is."""

from __future__ import annotations

from typing import Any

from model_loupe.checkpoints.pickle_opcodes import Pickled
from model_loupe.checkpoints.pytorch.arguments import Storage, Tensor
from model_loupe.checkpoints.pytorch.dtypes import SIZES
from model_loupe.checkpoints.pytorch.globals import disallowed_globals
from model_loupe.checkpoints.pytorch.objects import class_path
from model_loupe.checkpoints.pytorch.results import PyTorchFile
from model_loupe.checkpoints.pytorch.sorting import Sorter
from model_loupe.checkpoints.pytorch.tensors import Exhausted, Tensors
from model_loupe.domain.warnings import Warning


def tell(
    root: Any, pickles: list[Pickled], container: str, name: str, warnings: list[Warning]
) -> tuple[PyTorchFile, list[Storage]]:
    """Everything that can be told of the object, and the storages that it needs."""
    imported = list(dict.fromkeys(path for pickled in pickles for path in pickled.globals))
    calls: dict[str, Any] = {}
    for pickled in pickles:
        calls = {**pickled.calls, **calls}
    refused = disallowed_globals(imported, calls, name)
    warnings += [refused] if refused else []
    # A tensor takes some 32 steps, and is looked at three times at most.
    tensors = Tensors(10_000 + sum(pickled.steps for pickled in pickles) // 2)
    sorter = Sorter(tensors, name, warnings)
    try:
        found = sorter.sort(root)
    except Exhausted:
        found = sorter.best
        warnings.append(
            Warning("too-many-objects", f"{name} refers to the same objects over and over: given up")
        )
    names = found.names
    kind = found.kind
    if not names.found and any(pickled.problem for pickled in pickles):
        kind = "not-a-pickle"
    shared, tied, stored = _sharing(names.found, tensors)
    file = PyTorchFile(
        kind,
        container,
        {path: tensor.kind for path, tensor in names.found.items()},
        {path: tensor.layout for path, tensor in names.found.items()},
        found.prefix,
        class_path(root) if kind not in ("state-dict", "checkpoint", "tensors") else None,
        shared,
        tied,
        stored,
        frozenset(names.buffers) if names.modules else None,
        found.parts,
        found.facts,
        imported,
        warnings,
    )
    return file, list(tensors.storages.values())


def _sharing(found: dict[str, Tensor], tensors: Tensors) -> tuple[list[list[str]], list[list[str]], int]:
    """Groups on one storage, groups of the same elements, and the bytes of the storages."""
    by_storage: dict[str, list[str]] = {}
    by_place: dict[tuple[str, int, int], list[str]] = {}
    rest = 0
    for name, (kind, layout) in found.items():
        if layout.storage is None:
            rest += kind.nbytes
            continue
        by_storage.setdefault(layout.storage, []).append(name)
        if kind.elements:
            place = (layout.storage, layout.offset * SIZES[kind.dtype], kind.nbytes)
            by_place.setdefault(place, []).append(name)
    return (
        [names for names in by_storage.values() if len(names) > 1],
        [names for names in by_place.values() if len(names) > 1],
        rest + sum(tensors.storages[key].nbytes for key in by_storage),
    )
