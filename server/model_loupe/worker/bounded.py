"""Programs of a model's author (its chat template), bounded in time and memory while they run."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]


@contextmanager
def bounded(seconds: float, nbytes: int) -> Iterator[None]:
    """TimeoutError in what takes ``seconds`` of CPU, MemoryError in what takes ``nbytes`` more than is held.

    The watch on the whole process looks every tenth of a second: one multiplication of a string may take
    all memory of the machine before that. Systems that have neither bound leave it to that watch.
    """
    with _time(seconds), _memory(nbytes):
        yield


@contextmanager
def _time(seconds: float) -> Iterator[None]:
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def over(number: int, frame: Any) -> None:
        raise TimeoutError(f"it takes more than {seconds:g} seconds")

    before = signal.signal(signal.SIGPROF, over)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@contextmanager
def _memory(nbytes: int) -> Iterator[None]:
    held = _address_space()
    if resource is None or held is None:
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_AS)
    given = [limit for limit in before if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min([held + nbytes, *given]), before[1]))
    try:
        yield
    except MemoryError as error:
        raise MemoryError(f"it takes more than {nbytes // 2**20} MiB of memory") from error
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def _address_space() -> int | None:
    """Bytes of the process' address space; None where the system does not tell."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None
