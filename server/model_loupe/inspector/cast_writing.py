"""A cast that is done: the checkpoint in another dtype, written into a new folder, whole or not at all."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from model_loupe.domain.casts.plan import TensorPlan
from model_loupe.domain.casts.targets import ELEMENT, MADE_BY, Target
from model_loupe.domain.dtypes import BY_NAME
from model_loupe.domain.errors import LoupeError
from model_loupe.domain.units import format_bytes
from model_loupe.inspector.cast_folder import WeightFile, files_below, write_side_files
from model_loupe.inspector.cast_unfinished import publish, unfinished
from model_loupe.inspector.casting import (
    SECONDS,
    Preview,
    Progress,
    folder_of,
    missing_for,
    source_of,
)
from model_loupe.inspector.description import Description
from model_loupe.inspector.inspect import Inspector
from model_loupe.inspector.worker_process import Worker
from model_loupe.sources.locate import ModelRequest


class Written(NamedTuple):
    """A cast checkpoint at ``path``, which was read back. ``files`` are the names and bytes of all its files.

    ``nbytes`` is what its ``tensors`` take, of which ``kept`` have another dtype. ``to_inf`` counts, by
    tensor, finite values that became infinite or NaN, ``saturated`` those that became the largest value of
    the dtype. ``left_out`` are files of the model that it does not have; ``note`` is what else to know.
    """

    path: str
    dtype: str
    files: dict[str, int]
    tensors: int
    kept: int
    nbytes: int
    to_inf: dict[str, int]
    saturated: dict[str, int]
    left_out: list[str]
    note: str | None

    def as_json(self) -> dict[str, Any]:
        """What ``cast --output --json`` prints, and ``modelLoupe/castWrite`` answers."""
        return {
            "schema": 1,
            "path": self.path,
            "dtype": self.dtype,
            "bytes": self.nbytes,
            "tensors": self.tensors,
            "kept": self.kept,
            "files": [{"name": name, "bytes": nbytes} for name, nbytes in self.files.items()],
            "verified": True,
            "to_inf": sum(self.to_inf.values()),
            "saturated": sum(self.saturated.values()),
            "left_out": self.left_out,
            "note": self.note,
        }


def write(
    found: Preview,
    output: str,
    worker: Worker,
    *,
    cancelled: threading.Event | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Written:
    """Writes the cast to the first target that ``found`` was planned for, and reads it back.

    ``output`` is a folder that is not there or is empty. It appears under its name once all of it is written
    and verified; until then, and whatever goes wrong, there is nothing. ``progress`` counts bytes that are
    read, written and read back, in the calling thread. Raises LoupeError, or Cancelled.
    """
    why = _refusal(found) or missing_for(found, worker.interpreter, "written")
    if why:
        raise why
    try:
        writing = _Writing(found, _free_folder(output, found.description))
        return writing.run(worker, cancelled, progress)
    except OSError as error:
        message = f"{output} cannot be written: {error.strerror or error}"
        raise LoupeError("unwritable-folder", message) from error


def _refusal(found: Preview) -> LoupeError | None:
    """Why this cast is not written at all; None if it is."""
    description, plan = found.description, found.plans[0]
    target = plan.target
    if target.scope != ELEMENT:
        message = f"{target.name} is not written here: {MADE_BY[target.library]}"
        return LoupeError("not-written-here", message)
    if description.quantization:
        message = f"{description.request.model} is quantised already: load it dequantised and save it first"
        return LoupeError("quantized", message)
    if not plan.cast:
        dtypes = " and ".join(sorted({each.dtype for each in plan.families}))
        name = description.request.model
        message = f"{name} has nothing to cast to {target.name}: all of it stays {dtypes}"
        return LoupeError("nothing-to-cast", message)
    if not description.weights.complete:
        absent = next((shard.name for shard in description.weights.shards if not shard.present), None)
        what = f"{absent} is missing" if absent else "not all of its weights can be read"
        return LoupeError("incomplete-model", f"{description.request.model} is not whole: {what}")
    return None


def _free_folder(output: str, description: Description) -> str:
    """``output`` as a real path; raises LoupeError unless a folder may be made there."""
    path, source = os.path.realpath(output), os.path.realpath(description.path)
    if path == os.path.realpath(folder_of(description)):
        raise LoupeError("output-is-source", f"{output} is the model itself: choose another folder")
    if path.startswith(source + os.sep):
        message = f"{output} lies inside the model's own folder: choose one outside of it"
        raise LoupeError("output-in-source", message)
    if os.path.lexists(path) and not os.path.isdir(path):
        raise LoupeError("output-exists", f"{output} is a file: choose a new folder")
    if os.path.ismount(path):
        # It cannot be put in its place, and what is beside it is on another disk.
        raise LoupeError("output-exists", f"{output} is where a disk is mounted: choose a new folder on it")
    with suppress(FileNotFoundError):
        if os.listdir(path):
            raise LoupeError("output-exists", f"{output} is not empty: choose a new folder")
    return path


class _Writing:
    """One cast on its way from a model's files to the folder ``output``."""

    def __init__(self, found: Preview, output: str) -> None:
        self._description = found.description
        self._target = found.plans[0].target
        self._tensors = {tensor.name: tensor for tensor in found.plans[0].tensors}
        self._output = output
        self._files = [self._file(name) for name in self._description.weights.table.by_file]

    def _file(self, name: str) -> WeightFile:
        source = source_of(self._description, name)
        sizes = {
            tensor.removeprefix(source.prefix): _nbytes(self._tensors[tensor])
            for tensor in self._description.weights.table.by_file[name]
        }
        return WeightFile(name, source, sizes, self._description.request.variant)

    def run(
        self,
        worker: Worker,
        cancelled: threading.Event | None,
        progress: Callable[[Progress], None] | None,
    ) -> Written:
        with unfinished(self._output) as folder:
            self._check_room(folder)
            beyond = self._cast(folder, worker, cancelled, progress)
            left_out = write_side_files(self._description, self._target, folder, self._files)
            self._verify(folder)
            publish(folder, self._output)
        return Written(
            path=self._output,
            dtype=self._target.name,
            files={name: os.path.getsize(path) for name, path in files_below(self._output)},
            tensors=len(self._tensors),
            kept=sum(each.dtype != self._target.name for each in self._tensors.values()),
            nbytes=self._nbytes,
            to_inf={name: lost for name, lost, _ in beyond if lost},
            saturated={name: clamped for name, _, clamped in beyond if clamped},
            left_out=left_out,
            note=_note(self._target),
        )

    @property
    def _nbytes(self) -> int:
        return sum(sum(file.sizes.values()) for file in self._files)

    def _check_room(self, folder: str) -> None:
        free = shutil.disk_usage(folder).free
        if free < self._nbytes:
            needed = f"{format_bytes(self._nbytes)} are needed in {os.path.dirname(self._output)}"
            raise LoupeError("disk-full", f"{needed}, and {format_bytes(free)} are free")

    def _cast(
        self,
        folder: str,
        worker: Worker,
        cancelled: threading.Event | None,
        progress: Callable[[Progress], None] | None,
    ) -> list[tuple[str, int, int]]:
        """Has the worker write the tensors; returns those with values beyond the range of the dtype."""

        def partial(part: dict[str, Any]) -> None:
            if progress:
                progress(Progress(part["done"], part["total"]))

        for file in self._files:
            os.makedirs(os.path.dirname(os.path.join(folder, file.output)), exist_ok=True)
        params = {"folder": folder, "files": [self._asked(file, folder) for file in self._files]}
        answer = worker.call("cast_write", params, seconds=SECONDS, cancelled=cancelled, partial=partial)
        return [
            (file.source.prefix + name, to_inf, saturated)
            for file, told in zip(self._files, answer["files"], strict=True)
            for name, to_inf, saturated in told["beyond"]
        ]

    def _asked(self, file: WeightFile, folder: str) -> dict[str, Any]:
        groups: dict[str | None, list[str]] = {}
        for name in file.sizes:
            tensor = self._tensors[file.source.prefix + name]
            dtype = None if tensor.dtype == tensor.kind.dtype else tensor.dtype
            groups.setdefault(dtype, []).append(name)
        return {
            "path": file.source.path,
            "mark": file.source.mark,
            "output": os.path.join(folder, file.output),
            "tensors": [{"dtype": dtype, "names": names} for dtype, names in groups.items()],
        }

    def _verify(self, folder: str) -> None:
        """Describes what was written as any model is: it has to be what was planned."""
        is_folder = os.path.isdir(self._description.path)
        path = folder if is_folder else os.path.join(folder, self._files[0].output)
        weights = Inspector(offline="it is a folder").find(ModelRequest(path)).weights
        expected = {name: (tensor.dtype, tensor.kind.shape) for name, tensor in self._tensors.items()}
        written = {name: (kind.dtype, kind.shape) for name, kind in weights.table.tensors.items()}
        if not weights.complete or written != expected:
            wrong = next((name for name in expected if written.get(name) != expected[name]), "its index")
            message = f"what was written is not what was planned: {wrong} differs"
            raise LoupeError("not-verified", message)


def _nbytes(tensor: TensorPlan) -> int:
    """Bytes as written: also of a tensor that is tied to another and is stored a second time."""
    dtype = BY_NAME.get(tensor.dtype)
    if dtype is None or tensor.dtype == tensor.kind.dtype:
        return tensor.kind.nbytes
    return tensor.kind.elements * dtype.bits // 8


def _note(target: Target) -> str | None:
    if not target.name.startswith("float8"):
        return None
    return (
        f"models do not run in {target.name}: config.json keeps its dtype, at which transformers 5 loads the "
        "weights; older versions may leave them as they are"
    )
