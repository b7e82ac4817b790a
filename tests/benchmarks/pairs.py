"""Timing in pairs: A B A B …, and the median of the pairwise ratios.

A machine's speed drifts within a minute; the ratio of two runs that follow each other hardly does.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Timing(NamedTuple):
    """Medians over the pairs: seconds of either side and the ratio ours / theirs."""

    ours: float
    theirs: float
    ratio: float


def in_pairs(ours: Callable[[], float], theirs: Callable[[], float], pairs: int) -> Timing:
    """Times both sides ``pairs`` times in turn, after one run of each that does not count."""
    ours(), theirs()
    taken = [(ours(), theirs()) for _ in range(pairs)]
    return Timing(
        statistics.median(mine for mine, _ in taken),
        statistics.median(other for _, other in taken),
        statistics.median(mine / other for mine, other in taken),
    )


def environment(*import_paths: str) -> dict[str, str]:
    """The environment of both sides. Python may write byte code: an installed package has its own, too."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**variables, "PYTHONPATH": os.pathsep.join(import_paths)}


def whole_process(command: Sequence[str], variables: dict[str, str]) -> Callable[[], float]:
    """Times a command from its start to its end; raises CalledProcessError if it fails."""

    def run() -> float:
        start = time.perf_counter()
        # Without a pipe for errors: what goes wrong is to be seen.
        subprocess.run(
            command, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True
        )
        return time.perf_counter() - start

    return run


def told_by_process(command: Sequence[str], variables: dict[str, str]) -> Callable[[], float]:
    """Times a part of a fresh process: the seconds that the command prints."""

    def run() -> float:
        done = subprocess.run(
            command, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True
        )
        return float(done.stdout)

    return run
