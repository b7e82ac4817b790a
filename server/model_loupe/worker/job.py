"""A request that takes long: it says how far it is, and ends when it is cancelled."""

from __future__ import annotations

import shutil
import threading
import time
from typing import Any, Callable

_PARTIAL_SECONDS = 0.1

_unfinished: set[str] = set()


def abandon_later(folder: str) -> None:
    """``folder``, which is the server's, is of no use to anybody once the server is gone."""
    _unfinished.add(folder)


def abandon() -> None:
    """The server is gone: what it would have finished is removed."""
    for folder in _unfinished:
        shutil.rmtree(folder, ignore_errors=True)


class Cancelled(Exception):
    """Nobody waits for the answer any more."""


class Job:
    """``tell`` sends a partial result; ``check`` raises Cancelled once ``cancelled`` is set elsewhere."""

    def __init__(self, tell: Callable[[dict[str, Any]], None], cancelled: threading.Event) -> None:
        self.tell = tell
        self._cancelled = cancelled

    def check(self) -> None:
        if self._cancelled.is_set():
            raise Cancelled


class Meter:
    """Tells a few times a second how many bytes of ``total`` are done.

    ``work`` are the bytes that are gone through for it, some of them more than once; ``more`` gives what else
    there is to tell by then.
    """

    def __init__(self, job: Job, total: int, work: int, more: Callable[[], dict[str, Any]] = dict) -> None:
        self._job = job
        self._total = total
        self._work = max(work, 1)
        self._more = more
        self._done = 0
        self._sent = time.monotonic()

    def step(self, nbytes: int) -> None:
        """So many bytes more were worked on; raises Cancelled."""
        self._job.check()
        self._done += nbytes
        if time.monotonic() - self._sent > _PARTIAL_SECONDS:
            done = min(self._done * self._total // self._work, self._total)
            self._job.tell({"done": done, "total": self._total, **self._more()})
            self._sent = time.monotonic()
