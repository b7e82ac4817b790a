"""The requests ``cast`` and ``cast_sample``: what becomes what; figures go back tensor by tensor."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

import torch

from ..errors import WorkerError
from ..job import Job, Meter
from .exact import ExactPass
from .files import Mark, Stored, TensorFile
from .formats import Format, format_named
from .ggml import Packed
from .sample import Sample, estimates, runs_of_each, sample_of


class _Work(NamedTuple):
    """A tensor and the formats it is cast to."""

    tensor: Stored | Packed
    formats: list[Format]


def cast(params: dict[str, Any], job: Job) -> dict[str, Any]:
    """Casts the tensors of ``files`` and tells what that did.

    ``files``: ``{"path", "mark", "prefix", "tensors": [{"targets", "names"}]}``, names with the prefix that
    the file itself does not have, and ``places`` (see ``TensorFile.placed``) if it is no safetensors file;
    ``exact``, or the ``seed`` of a sample (of GGUF's blocks there is nothing else). What is finished goes out
    as partial results, ``{"done", "total", "tensors": [[name, target, sums]]}``; the result has the rest, and
    ``unknown``: targets that this torch cannot do.
    """
    formats = {name: format_named(name) for name in params["targets"]}
    seed = None if params.get("exact") else int(params.get("seed", 0))
    files = [(TensorFile(each["path"], Mark(*each["mark"])), each) for each in params["files"]]
    try:
        # All files are looked at before the first is gone through: one that is cut off is known at once.
        works = [(file, _works(file, given, formats)) for file, given in files]
        finished = _Finished()
        runs = runs_of_each(sum(len(of_file) for _, of_file in works))
        total = sum(work.tensor.nbytes for _, of_file in works for work in of_file)
        meter = Meter(job, total, total if seed is not None else _exact_work(works), finished.taken)
        for file, of_file in works:
            for work in of_file:
                job.check()
                found = (
                    _exactly(file, work, meter) if seed is None else _sampled(file, work, seed, runs, meter)
                )
                finished.add(work.tensor.name, found)
            file.check()
    finally:
        for file, _ in files:
            file.close()
    return {**finished.taken(), "unknown": _unknown(formats)}


def cast_sample(params: dict[str, Any], job: Job) -> dict[str, Any]:
    """Casts samples that the server has read: their values lie one after the other in the file ``path``.

    ``strata``: ``{"name", "dtype", "elements", "row", "unit", "taken", "of", "targets"}``; ``taken`` units of
    ``unit`` elements, of ``of``, stand for ``elements``. The result is that of ``cast``.
    """
    formats = {name: format_named(name) for name in params["targets"]}
    finished = _Finished()
    with open(params["path"], "rb") as file:
        for each in params["strata"]:
            job.check()
            dtype = getattr(torch, each["dtype"])
            data = bytearray(file.read(each["taken"] * each["unit"] * dtype.itemsize))
            values = torch.frombuffer(data, dtype=dtype).view(each["taken"], each["unit"])
            sample = Sample(values, each["of"], each["elements"], each["row"])
            chosen = [found for name in each["targets"] for found in (formats[name],) if found]
            finished.add(each["name"], estimates(sample, chosen))
    return {**finished.taken(), "unknown": _unknown(formats)}


def _unknown(formats: dict[str, Format | None]) -> list[str]:
    return [name for name, each in formats.items() if each is None]


def _works(file: TensorFile, given: dict[str, Any], formats: dict[str, Format | None]) -> list[_Work]:
    prefix = given["prefix"]
    places = given.get("places")
    inside = file.tensors() if places is None else file.placed(places)
    stored: dict[str, Stored | Packed] = {
        prefix + name: each._replace(name=prefix + name) for name, each in inside.items()
    }
    works: list[_Work] = []
    for group in given["tensors"]:
        chosen = [each for name in group["targets"] for each in (formats[name],) if each]
        for name in group["names"]:
            if name not in stored:
                raise WorkerError("file-changed", f"{file.name} no more holds {name[:80]}")
            works.append(_Work(stored[name], chosen))
    # In the order of the file, as disks like it.
    return sorted(works, key=lambda work: work.tensor.start)


def _exact_work(works: list[tuple[TensorFile, list[_Work]]]) -> int:
    """Bytes that are gone through; those of a tensor may be more than once."""
    return sum(
        work.tensor.nbytes * _exact_pass(file, work, _no_step).passes
        for file, of_file in works
        for work in of_file
    )


def _exact_pass(file: TensorFile, work: _Work, step: Callable[[int], None]) -> ExactPass:
    if isinstance(work.tensor, Packed):
        raise WorkerError(
            "only-sampled", f"{work.tensor.name[:80]} is {work.tensor.dtype}: it is only sampled"
        )
    return ExactPass(file, work.tensor, work.formats, step)


def _no_step(nbytes: int) -> None:
    """Nothing is worked on yet."""


def _sampled(file: TensorFile, work: _Work, seed: int, runs: int, meter: Meter) -> dict[str, dict[str, Any]]:
    is_told = work.tensor.elements and work.formats
    found = estimates(sample_of(file, work.tensor, seed, runs), work.formats) if is_told else {}
    if isinstance(work.tensor, Packed):
        for each in found.values():
            # Of the file, not of what it was unpacked to.
            each["read_bytes"] = work.tensor.nbytes_of(each["sampled"])
    meter.step(work.tensor.nbytes)
    return found


def _exactly(file: TensorFile, work: _Work, meter: Meter) -> dict[str, dict[str, Any]]:
    tallies = _exact_pass(file, work, meter.step).run()
    read = {"read_bytes": work.tensor.nbytes}
    return {name: {**tally.as_json(), **read} for name, tally in tallies.items()}


class _Finished:
    """Sums of tensors that were not sent yet."""

    def __init__(self) -> None:
        self._tensors: list[list[Any]] = []

    def add(self, name: str, found: dict[str, dict[str, Any]]) -> None:
        self._tensors += [[name, target, sums] for target, sums in found.items()]

    def taken(self) -> dict[str, Any]:
        """What was finished since the last time."""
        tensors, self._tensors = self._tensors, []
        return {"tensors": tensors}
