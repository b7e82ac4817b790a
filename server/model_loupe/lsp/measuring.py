"""What measures casts for this session: two workers, so that a quick look never waits for a long one."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from model_loupe.inspector import casting
from model_loupe.inspector.worker_process import Worker

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

# A measurement comes seldom, and a process with torch takes hundreds of megabytes.
_IDLE_SECONDS = 60.0


class Measuring:
    """One worker and one thread for samples, one of each for exact passes; both end soon after their work."""

    def __init__(self, interpreter: str) -> None:
        self._workers = [Worker(interpreter, idle_seconds=_IDLE_SECONDS) for _ in range(2)]
        self._pools = [ThreadPoolExecutor(1, thread_name_prefix="cast") for _ in range(2)]

    def measure(
        self,
        found: casting.Preview,
        cancelled: threading.Event,
        progress: Callable[[casting.Progress], None],
    ) -> Future[None]:
        """Fills ``found`` with figures; ``progress`` is called in another thread."""
        at = int(found.exact)
        return self._pools[at].submit(
            casting.measure, found, self._workers[at], cancelled=cancelled, progress=progress
        )

    def close(self) -> None:
        """Ends the workers; whoever waits for them is told so."""
        for worker, pool in zip(self._workers, self._pools, strict=True):
            pool.shutdown(wait=False, cancel_futures=True)
            worker.stop()
