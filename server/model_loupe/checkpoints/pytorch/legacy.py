"""The format of torch.save before 1.6, and plain pickles: pickles one after the other, then storages.

After ``_legacy_load`` in ``torch/serialization.py``.
"""

from __future__ import annotations

from typing import Any

from model_loupe.checkpoints.pickle_opcodes import Pickled
from model_loupe.checkpoints.pytorch.contents import tell
from model_loupe.checkpoints.pytorch.results import PyTorchFile
from model_loupe.checkpoints.pytorch.source import Source, note_problem, pickle_at
from model_loupe.domain.warnings import Warning

_MAGIC = 0x1950A86A20F9469CFC6C


def read_pickles(source: Source, name: str, warnings: list[Warning]) -> PyTorchFile:
    """Magic number, protocol, system, the object, the storages' keys; then the storages."""
    pickles: list[Pickled] = []
    end = 0
    for _ in range(5):
        start = end
        pickled, end = pickle_at(source, start)
        pickles.append(pickled)
        if pickled.problem or not _is_magic(pickles[0].value):
            note_problem(pickled, source.size - start, name, warnings)
            break
    is_torch = _is_magic(pickles[0].value)
    if not is_torch:
        message = f"{name} is a plain pickle, not a file of torch.save: torch.load refuses it"
        warnings.append(Warning("plain-pickle", message))
    # With fewer than four, the object is missing, and so are its tensors.
    value = pickles[3].value if len(pickles) > 3 else None if is_torch else pickles[0].value
    found, storages = tell(value, pickles, "legacy" if is_torch else "pickle", name, warnings)
    if len(pickles) == 5 and not pickles[4].problem:
        # A storage is its number of elements (8 bytes) and their bytes.
        _check_length(end + sum(8 + storage.nbytes for storage in storages), source.size, name, warnings)
    return found


def _is_magic(value: Any) -> bool:
    return type(value) is int and value == _MAGIC


def _check_length(needed: int, size: int, name: str, warnings: list[Warning]) -> None:
    if needed > size:
        message = f"{name} has {size:,} bytes, its tensors need {needed:,}: half-downloaded or cut off"
        warnings.append(Warning("incomplete-file", message))
