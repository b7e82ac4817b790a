"""A request that takes long: it says how far it is, and ends when it is cancelled."""

from __future__ import annotations

import threading
from typing import Any, Callable


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
