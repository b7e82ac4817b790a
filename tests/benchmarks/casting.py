"""The worker as it casts: how soon it stops when it is told to, and how much memory it takes."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from model_loupe.domain.casts.targets import target_named
from model_loupe.inspector import Inspector, ModelRequest
from model_loupe.inspector.casting import Preview, Progress, measure, preview
from model_loupe.inspector.worker_process import Cancelled, Worker


def _planned(python: str, path: str, targets: Sequence[str]) -> Preview:
    description = Inspector().find(ModelRequest(path))
    return preview(description, [target_named(name) for name in targets], python, exact=True)


def seconds_to_cancel(python: str, path: str, target: str, times: int) -> float:
    """The median, from the wish to the return; the process has cast before."""
    worker = Worker(python)
    try:
        return statistics.median(_seconds_to_cancel(worker, path, target) for _ in range(times))
    finally:
        worker.stop()


def _seconds_to_cancel(worker: Worker, path: str, target: str) -> float:
    cancelled = threading.Event()
    wished: list[float] = []

    def cancel(progress: Progress) -> None:
        if not wished:
            wished.append(time.perf_counter())
            cancelled.set()

    try:
        measure(_planned(worker.interpreter, path, [target]), worker, cancelled=cancelled, progress=cancel)
    except Cancelled:
        return time.perf_counter() - wished[0]
    raise RuntimeError(f"{target} was done before it was cancelled: a larger file is needed")


def memory_to_cast(python: str, small: str, path: str, targets: Sequence[str]) -> int:
    """Bytes that the process holds at most, above what it holds once it has cast a ``small`` file."""
    worker = Worker(python)
    try:
        measure(_planned(python, small, ["float16"]), worker)
        status = Path(f"/proc/{worker.call('installed', {})['pid']}/status")
        idle = _nbytes(status, "VmRSS")
        found = _planned(python, path, targets)
        measure(found, worker)
        if found.unmeasured:
            raise RuntimeError(next(iter(found.unmeasured.values())).message)
        return _nbytes(status, "VmHWM") - idle
    finally:
        worker.stop()


def _nbytes(status: Path, name: str) -> int:
    line = next(line for line in status.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024
