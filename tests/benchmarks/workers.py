"""The worker against scripts that stay warm: both sides answer one request after the other."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.worker_process import WorkerProcess


@contextmanager
def warm_script(command: Sequence[str], variables: dict[str, str]) -> Iterator[Callable[[], list[float]]]:
    """A function that has the script work once more and returns the numbers it prints."""
    with subprocess.Popen(
        command,
        env=variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdin and process.stdout
        requests, answers = process.stdin, process.stdout
        if answers.readline().strip() != "ready":
            raise RuntimeError(f"{Path(command[1]).name} ended before it was ready")

        def run() -> list[float]:
            requests.write("\n")
            requests.flush()
            return [float(number) for number in answers.readline().split()]

        yield run
        requests.close()


def seconds_to_tree(worker: WorkerProcess, params: dict[str, Any]) -> Callable[[], float]:
    """Times a request; each under another name, so that none is answered from memory."""
    numbers = itertools.count()

    def run() -> float:
        start = time.perf_counter()
        worker.ask("architecture", **params, name=f"model-{next(numbers)}")
        return time.perf_counter() - start

    return run


def seconds_from_cold(start: Callable[[], WorkerProcess], params: dict[str, Any]) -> Callable[[], float]:
    """Times a worker's start and its first answer; not its end, for which nobody waits."""

    def run() -> float:
        begun = time.perf_counter()
        with start() as worker:
            worker.ask("architecture", **params)
            return time.perf_counter() - begun

    return run


def peak_memory(worker: WorkerProcess) -> int:
    """Bytes that the process has held at most."""
    for line in Path(f"/proc/{worker.process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    sys.exit("the system does not tell a process's peak memory")
