"""What reading and counting a model's weights told, as an entry of the store on disk.

An entry is JSON with the sums, and after it the names, compressed, those of each kind of tensor by
themselves: a card or ``--json`` shows a few of them and need not look at 100,000. Its key is the fingerprint
of the model's files. (zlib and JSON: pickle would run what it reads, marshal may crash on it.)
"""

from __future__ import annotations

import json
import os
import sys
import time
import zlib
from array import array
from contextlib import suppress

from model_loupe import __version__
from model_loupe.checkpoints.choice import Selection
from model_loupe.checkpoints.files import File
from model_loupe.checkpoints.safetensors_index import Index
from model_loupe.checkpoints.weights import Weights
from model_loupe.domain.lean_typing import TYPE_CHECKING, NamedTuple
from model_loupe.domain.parameters import DTypeCount, ParameterCount
from model_loupe.domain.quantization.count import QuantizedCount
from model_loupe.domain.tensors import TensorKind, TensorTable
from model_loupe.domain.warnings import Warning

if TYPE_CHECKING:
    from typing import Any

    from model_loupe.sources.locate import Location
    from model_loupe.sources.store import Store

_FORMAT = 1
# A file that changed so recently may change once more without a newer time of change.
_SETTLED_NS = 2_000_000_000
_LEVEL = 1
_NUMBERS = "I"


class Counted(NamedTuple):
    """The weights of a model, what their names tell of quantisation, and the count of its parameters."""

    weights: Weights
    quantization: dict[str, Any] | None
    parameters: ParameterCount


class Entry:
    """The place in ``store`` for a model as its files are now."""

    def __init__(self, store: Store, location: Location, selection: Selection) -> None:
        marks = location.files.fingerprint()
        self._store = store
        self._newest = max((mark[2] for mark in marks), default=0)
        self._key = json.dumps(
            [
                _FORMAT,
                *version_of_rooms("domain", "checkpoints"),
                location.path,
                location.file,
                selection,
                marks,
            ]
        )

    def load(self) -> Counted | None:
        """What was kept; None if nothing was, or of other files, or by another version."""
        value = self._store.get(self._key)
        try:
            return _decoded(value) if value else None
        except (ValueError, TypeError, LookupError):
            return None

    def save(self, weights: Weights, quantization: dict[str, Any] | None, parameters: ParameterCount) -> None:
        """Keeps what was read, if it is the whole: of missing files the fingerprint tells nothing."""
        if weights.complete and self._newest < time.time_ns() - _SETTLED_NS:
            value = _encoded(Counted(weights, quantization, parameters))
            if value:
                self._store.put(self._key, value)


def version_of_rooms(*rooms: str) -> tuple[str, int]:
    """The package's version and, for those who work on it, when these rooms of it were last changed."""
    package = os.path.dirname(os.path.dirname(__file__))
    return __version__, max(_last_change(os.path.join(package, room)) for room in rooms)


def _last_change(folder: str) -> int:
    newest = 0
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                newest = max(newest, entry.stat().st_mtime_ns)
            elif "." not in entry.name and entry.name != "__pycache__":
                newest = max(newest, _last_change(entry.path))
    return newest


# --- to bytes -------------------------------------------------------------------------------------------


def _encoded(counted: Counted) -> bytes | None:
    """The entry; None if names cannot be kept as lines."""
    weights, table = counted.weights, counted.weights.table
    chunks: list[bytes] = []
    kinds = []
    for kind, names in table.names_by_kind.items():
        text = "\n".join(names)
        if text.count("\n") != len(names) - 1:
            return None
        chunks.append(zlib.compress(text.encode("utf-8", "surrogatepass"), _LEVEL))
        kinds.append([kind.dtype, kind.shape, kind.elements, kind.nbytes, len(names), len(chunks[-1])])
    chunks.append(zlib.compress(_in_file_order(table), _LEVEL))
    facts = {
        "kinds": kinds,
        "files": [[name, len(tensors)] for name, tensors in table.by_file.items()],
        "shards": weights.shards,
        "index": weights.shard_index,
        "first": weights.first_floating_dtype,
        "tied": weights.tied,
        "not_taken": weights.not_taken,
        "gguf": weights.gguf and {key: _plain(value) for key, value in weights.gguf.items()},
        "warnings": weights.warnings,
        "quantization": counted.quantization,
        "parameters": counted.parameters,
    }
    head = json.dumps(facts, separators=(",", ":")).encode()
    return b"".join([len(head).to_bytes(4, "little"), head, *chunks])


def _in_file_order(table: TensorTable) -> bytes:
    """The number of each tensor's kind, in the order of the files."""
    numbers = {kind: number for number, kind in enumerate(table.names_by_kind)}
    by_id = {id(table.tensors[names[0]]): numbers[kind] for kind, names in table.names_by_kind.items()}
    try:
        sequence = array(_NUMBERS, [by_id[id(kind)] for kind in table.tensors.values()])
    except KeyError:  # equal kinds that are several objects
        sequence = array(_NUMBERS, [numbers[kind] for kind in table.tensors.values()])
    return _little_endian(sequence).tobytes()


def _little_endian(numbers: array[int]) -> array[int]:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _plain(value: Any) -> Any:
    """A value of GGUF metadata; of these only arrays are no JSON."""
    from model_loupe.checkpoints.gguf.metadata import Array

    return [value.item, value.length, list(map(_plain, value.first))] if isinstance(value, Array) else value


# --- and back -------------------------------------------------------------------------------------------


class _Kept:
    """The tensors of an entry (``KeptTensors``): names are unpacked when they are asked for."""

    def __init__(self, kinds: list[list[Any]], files: list[list[Any]], chunks: bytes) -> None:
        self.counts: dict[TensorKind, int] = {}
        self._files = files
        self._chunks: dict[TensorKind, bytes] = {}
        start = 0
        for dtype, shape, elements, nbytes, count, length in kinds:
            kind = TensorKind(dtype, tuple(shape), elements, nbytes)
            self.counts[kind] = count
            self._chunks[kind] = chunks[start : start + length]
            start += length
        self._order = chunks[start:]

    def names(self, kind: TensorKind) -> list[str]:
        """The names of one kind, in file order."""
        return zlib.decompress(self._chunks[kind]).decode("utf-8", "surrogatepass").split("\n")

    def by_file(self) -> dict[str, dict[str, TensorKind]]:
        """All tensors of each file, in file order."""
        kinds = list(self.counts)
        rest = [iter(self.names(kind)) for kind in kinds]
        order = iter(_little_endian(array(_NUMBERS, zlib.decompress(self._order))))
        return {
            name: {next(rest[number]): kinds[number] for _, number in zip(range(count), order, strict=False)}
            for name, count in self._files
        }


def _decoded(value: bytes) -> Counted:
    end = 4 + int.from_bytes(value[:4], "little")
    facts = json.loads(value[4:end])
    index, gguf = facts["index"], facts["gguf"]
    weights = Weights(
        table=TensorTable(_Kept(facts["kinds"], facts["files"], value[end:])),
        shards=[File(*shard) for shard in facts["shards"]],
        shard_index=Index(*index) if index else None,
        first_floating_dtype=facts["first"],
        complete=True,
        tied=facts["tied"],
        not_taken=facts["not_taken"],
        gguf=None if gguf is None else {key: _array(item) for key, item in gguf.items()},
        warnings=[Warning(*warning) for warning in facts["warnings"]],
    )
    return Counted(weights, facts["quantization"], _parameters(facts["parameters"]))


def _array(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    from model_loupe.checkpoints.gguf.metadata import Array

    item, length, first = value
    return Array(item, length, tuple(map(_array, first)))


def _parameters(row: list[Any]) -> ParameterCount:
    count = ParameterCount(*row)
    return count._replace(
        by_dtype={dtype: DTypeCount(*counted) for dtype, counted in count.by_dtype.items()},
        quantized=QuantizedCount(*count.quantized) if count.quantized else None,
    )
