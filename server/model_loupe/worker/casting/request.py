"""The request ``cast``: which tensors of which files become what; figures go back tensor by tensor."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import torch

from ..errors import WorkerError
from ..job import Job
from .exact import ExactPass
from .files import Stored, TensorFile
from .formats import Format, format_named
from .sample import estimates

_PARTIAL_SECONDS = 0.1


class _Work(NamedTuple):
    """A tensor and the formats it is cast to."""

    tensor: Stored
    formats: list[Format]


def cast(params: dict[str, Any], job: Job) -> dict[str, Any]:
    """Casts the tensors of ``files`` and tells what that did.

    ``files``: ``{"path", "size", "modified", "tensors": [{"targets", "names"}]}``; ``exact``, or the ``seed``
    of a sample. What is finished goes out as partial results, ``{"done", "total", "tensors": [[name, target,
    sums]]}``; the result has the rest, and ``unknown``: targets that this torch cannot do.
    """
    torch.set_grad_enabled(False)
    # Pieces are small: what a second thread saves of one is less than waiting for it costs on a busy machine.
    torch.set_num_threads(1)
    formats = {name: format_named(name) for name in params["targets"]}
    seed = None if params.get("exact") else int(params.get("seed", 0))
    report = _Report(job)
    files = [(TensorFile(each["path"], each["size"], each["modified"]), each) for each in params["files"]]
    try:
        # All files are looked at before the first is gone through: one that is cut off is known at once.
        works = [(file, _works(file, given["tensors"], formats)) for file, given in files]
        report.expect(works, exact=seed is None)
        for file, of_file in works:
            for work in of_file:
                job.check()
                _one(file, work, seed, report)
            file.check()
    finally:
        for file, _ in files:
            file.close()
    unknown = [name for name, each in formats.items() if each is None]
    return {**report.taken(), "unknown": unknown}


def _works(file: TensorFile, groups: list[dict[str, Any]], formats: dict[str, Format | None]) -> list[_Work]:
    stored = file.tensors()
    works: list[_Work] = []
    for group in groups:
        chosen = [each for name in group["targets"] for each in (formats[name],) if each]
        for name in group["names"]:
            if name not in stored:
                raise WorkerError("file-changed", f"{file.name} no more holds {name[:80]}")
            works.append(_Work(stored[name], chosen))
    # In the order of the file, as disks like it.
    return sorted(works, key=lambda work: work.tensor.start)


def _one(file: TensorFile, work: _Work, seed: int | None, report: _Report) -> None:
    if seed is not None:
        found = estimates(file, work.tensor, work.formats, seed)
        report.step(work.tensor.nbytes)
    else:
        tallies = ExactPass(file, work.tensor, work.formats, report.step).run()
        read = {"read_bytes": work.tensor.nbytes}
        found = {name: {**tally.as_json(), **read} for name, tally in tallies.items()}
    report.add(work.tensor.name, found)


class _Report:
    """Gathers finished tensors and sends them on, a few times a second."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._tensors: list[list[Any]] = []
        self._sent = time.monotonic()
        self._done = 0
        self._work = 1
        self._total = 0

    def expect(self, works: list[tuple[TensorFile, list[_Work]]], *, exact: bool) -> None:
        """Work is bytes gone through; a tensor may be gone through more than once."""
        flat = [(file, work) for file, of_file in works for work in of_file]
        self._total = sum(work.tensor.nbytes for _, work in flat)
        passes = (
            ExactPass(file, work.tensor, work.formats, self.step).passes if exact else 1
            for file, work in flat
        )
        self._work = sum(work.tensor.nbytes * count for (_, work), count in zip(flat, passes)) or 1

    def step(self, nbytes: int) -> None:
        """So many bytes more were worked on; raises Cancelled."""
        self._job.check()
        self._done += nbytes
        if time.monotonic() - self._sent > _PARTIAL_SECONDS:
            done = min(self._done * self._total // self._work, self._total)
            self._job.tell({"done": done, "total": self._total, **self.taken()})
            self._sent = time.monotonic()

    def add(self, name: str, found: dict[str, dict[str, Any]]) -> None:
        self._tensors += [[name, target, sums] for target, sums in found.items()]

    def taken(self) -> dict[str, Any]:
        """What was finished since the last time."""
        tensors, self._tensors = self._tensors, []
        return {"tensors": tensors}
