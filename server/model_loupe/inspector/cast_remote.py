"""A sample of weights that are on the Hub: what it would read, and reading it, within a budget of bytes."""

from __future__ import annotations

import json
import random
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from itertools import islice
from typing import IO, Any

from model_loupe.domain.casts.plan import targets_by_name
from model_loupe.domain.casts.sampling import BUDGET, Stratum, Wanted, strata
from model_loupe.domain.errors import LoupeError
from model_loupe.domain.units import format_bytes, plural
from model_loupe.inspector.cast_kept import Kept
from model_loupe.inspector.casting import SECONDS, Network, Preview, Progress, missing_for, sampled_plans
from model_loupe.inspector.worker_process import Cancelled, Worker
from model_loupe.sources.hub.files import HubFiles

_POLL_SECONDS = 0.05
# Fewer than the Hub's threads: somebody may want to know of another model meanwhile.
_AT_ONCE = 16
_LENGTH_BYTES = 8


class RemoteSample:
    """A sample of a model on the Hub. Nothing is read before ``measure``; raises LoupeError."""

    def __init__(self, found: Preview, interpreter: str, budget: int = BUDGET) -> None:
        self._found = found
        self._missing = missing_for(found, interpreter, "measured", on_hub=True)
        self._plans = sampled_plans(found)
        description = found.description
        source = ["hub", description.path, description.commit, budget]
        names = [each.target.name for each in self._plans]
        self._kept = {name: Kept(found, interpreter, source, name) for name in names}
        self._strata = strata(self._wanted(), budget)
        unknown = {name for name, kept in self._kept.items() if not kept.load(self._names(name))}
        self._left = [each for each in self._strata if unknown.intersection(each.targets)]
        requests = sum(each.taken for each in self._left)
        found.network = self._network = Network(sum(each.nbytes for each in self._left), requests, budget)
        if not self._left:
            found.complete = True

    def _wanted(self) -> Iterator[Wanted]:
        tensors = self._found.description.weights.table.tensors
        targets = sorted(targets_by_name(self._plans).items())
        return (Wanted(name, tensors[name], names) for name, names in targets)

    def _names(self, target: str) -> list[str]:
        return [each.name for each in self._strata if target in each.targets]

    @property
    def offer(self) -> LoupeError:
        """What is told before anything is spent: what a sample reads, or why nothing can be measured."""
        if self._missing:
            return self._missing
        size, requests = format_bytes(self._network.nbytes), plural(self._network.requests, "request")
        model = self._found.description.request.model
        message = f"the weights of {model} are not on this machine: a sample reads {size} in {requests}"
        return LoupeError("not-downloaded", message)

    def measure(
        self,
        files: HubFiles,
        worker: Worker,
        *,
        cancelled: threading.Event | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        """Reads the sample and has it measured: fills the preview, or says why not; raises Cancelled.

        ``progress`` counts the bytes that came, in the calling thread.
        """
        try:
            if self._missing:
                raise self._missing
            if self._left:
                self._measure(files, worker, cancelled or threading.Event(), progress)
        except LoupeError as why:
            self._found.give_up(why)

    def _measure(
        self,
        files: HubFiles,
        worker: Worker,
        cancelled: threading.Event,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        with tempfile.NamedTemporaryFile(prefix="model-loupe-") as values:
            self._fetch(files, values, cancelled, progress)
            values.flush()
            params = {
                "path": values.name,
                "targets": list(self._kept),
                "strata": [_asked(each) for each in self._left],
            }
            answer = worker.call("cast_sample", params, seconds=SECONDS, cancelled=cancelled)
        self._found.finish(answer)
        for kept in self._kept.values():
            kept.save()

    def _fetch(
        self,
        files: HubFiles,
        values: IO[bytes],
        cancelled: threading.Event,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        """Writes the units one after the other, in the order of the strata."""
        hub, repository = files.repository.hub, files.repository
        units = self._units(files)
        waiting: dict[Future[bytes], int] = {}
        at = done = 0
        try:
            while True:
                for name, start, length in islice(units, _AT_ONCE - len(waiting)):
                    # Not through what is remembered of the repository: these bytes are needed once.
                    waiting[hub.pool.submit(hub.fetch, repository, name, start, length)] = at
                    at += length
                if not waiting:
                    return
                if cancelled.is_set():
                    raise Cancelled
                came, _ = wait(waiting, _POLL_SECONDS, FIRST_COMPLETED)
                for future in came:
                    values.seek(waiting.pop(future))
                    done += values.write(future.result())
                if came and progress:
                    progress(Progress(done, self._network.nbytes))
        finally:
            for future in waiting:
                future.cancel()

    def _units(self, files: HubFiles) -> Iterator[tuple[str, int, int]]:
        """File, first byte and length of each unit."""
        offsets = _Offsets(files, self._found)
        chance = random.Random(0)
        for stratum in self._left:
            for tensor, start in stratum.places(chance):
                name, first = offsets.of(tensor)
                yield name, first + start, stratum.unit_bytes


def _asked(stratum: Stratum) -> dict[str, Any]:
    return {
        "name": stratum.name,
        "dtype": stratum.kind.dtype,
        "elements": stratum.elements,
        "row": stratum.kind.shape[-1] if stratum.kind.shape else 1,
        "unit": stratum.unit,
        "taken": stratum.taken,
        "of": stratum.of,
        "targets": stratum.targets,
    }


class _Offsets:
    """Where in which file of the repository a tensor's bytes begin: by headers, which are known already."""

    def __init__(self, files: HubFiles, found: Preview) -> None:
        self._files = files
        if files.repository.info.commit != found.description.commit:
            raise LoupeError(
                "model-moved", f"{found.description.request.model} has a newer commit: ask again"
            )
        table = found.description.weights.table
        self._file_of = {name: file for file, tensors in table.by_file.items() for name in tensors}
        self._kinds = table.tensors
        self._headers: dict[str, tuple[int, dict[str, Any]]] = {}

    def of(self, tensor: str) -> tuple[str, int]:
        """The file, by its name in the repository, and the first byte; raises LoupeError."""
        name = self._file_of[tensor]
        try:
            base, header = self._header(name)
            begin, end = header[tensor]["data_offsets"]
            fits = end - begin == self._kinds[tensor].nbytes and begin >= 0
        except (KeyError, TypeError, ValueError, RecursionError):
            fits = False
        if not fits:
            raise LoupeError("bad-file", f"{name} is damaged: {tensor[:80]} is not where its header says")
        path = f"{self._files.folder}/{name}" if self._files.folder else name
        return path, base + begin

    def _header(self, name: str) -> tuple[int, dict[str, Any]]:
        if name not in self._headers:
            length = int.from_bytes(self._files.read(name, 0, _LENGTH_BYTES), "little")
            header = json.loads(self._files.read(name, _LENGTH_BYTES, length))
            self._headers[name] = _LENGTH_BYTES + length, header
        return self._headers[name]
