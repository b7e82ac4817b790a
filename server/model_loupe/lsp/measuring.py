"""What measures and writes casts for this session, and tells how far it is."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from pygls.exceptions import JsonRpcRequestCancelled

from model_loupe.domain.units import format_bytes
from model_loupe.inspector import casting
from model_loupe.inspector.worker_process import Cancelled, Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from model_loupe.inspector.cast_writing import Written
    from model_loupe.lsp.client import Client

T = TypeVar("T")

# A measurement comes seldom, and a process with torch takes hundreds of megabytes.
_IDLE_SECONDS = 60.0
_SECONDS_BETWEEN = 0.25
# To sum up the figures of 100,000 tensors takes a while: at most this share of the time is spent so.
_SHARE_OF_TIME = 0.2


class Measuring:
    """Two workers with a thread each, besides that which builds models: none waits for a long one."""

    def __init__(self, interpreter: str) -> None:
        self._workers = [Worker(interpreter, idle_seconds=_IDLE_SECONDS) for _ in range(2)]
        self._pools = [ThreadPoolExecutor(1, thread_name_prefix="cast") for _ in range(2)]

    def measure(self, found: casting.Preview, report: Report) -> Future[None]:
        """Fills ``found`` with figures."""
        at = int(found.exact)
        return self._pools[at].submit(
            casting.measure,
            found,
            self._workers[at],
            cancelled=report.cancelled,
            progress=report.progressed,
        )

    def values(self, found: casting.Preview, report: Report) -> Future[None]:
        """Fills ``found`` with a sample of its values, whatever the format of the files."""
        from model_loupe.inspector.values import sample

        return self._pools[0].submit(
            sample, found, self._workers[0], cancelled=report.cancelled, progress=report.progressed
        )

    def sample(self, measure: Callable[..., None], report: Report) -> Future[None]:
        """Reads a sample of weights that are on the Hub, and has a worker ``measure`` it."""
        return self._pools[0].submit(
            measure, self._workers[0], cancelled=report.cancelled, progress=report.progressed
        )

    def write(self, found: casting.Preview, output: str, report: Report) -> Future[Written]:
        """Writes the cast to the first target of ``found`` into a new folder."""
        from model_loupe.inspector.cast_writing import write

        return self._pools[1].submit(
            write, found, output, self._workers[1], cancelled=report.cancelled, progress=report.progressed
        )

    def close(self) -> None:
        """Ends the workers; whoever waits for them is told so."""
        for worker, pool in zip(self._workers, self._pools, strict=True):
            pool.shutdown(wait=False, cancel_futures=True)
            worker.stop()


class Report:
    """Tells the client, a few times a second, how far a request's work is, until it ends or is ``cancelled``.

    ``token`` is the one that the request gave for progress. ``part`` gives what is known by then, to be sent
    under ``part_token``; it is called in the thread that works.
    """

    def __init__(
        self,
        client: Client,
        title: str,
        token: int | str | None,
        part_token: int | str | None = None,
        part: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        self.cancelled = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._client = client
        self._part_token = part_token
        self._part = part
        self._next = 0.0
        self._ended = False
        self._shown = client.begin_reporting(token, title)

    def progressed(self, progress: casting.Progress) -> None:
        """Called in the thread that works, however often."""
        began = time.monotonic()
        if began < self._next:
            return
        part = self._part() if self._part_token is not None else None
        self._next = began + max(_SECONDS_BETWEEN, (time.monotonic() - began) / _SHARE_OF_TIME)
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._send, progress, part)

    def _send(self, progress: casting.Progress, part: dict[str, Any] | None) -> None:
        if self._ended:
            return
        if self._shown.cancelled:
            self.cancelled.set()
        message = f"{format_bytes(progress.done)} of {format_bytes(progress.total)}"
        self._shown.report(message, 100 * progress.done // max(progress.total, 1))
        if self._part_token is not None and part is not None:
            self._client.partial(self._part_token, part)

    async def until_done(self, work: Future[T]) -> T:
        """The result of what is reported of. Who cancels the request, or its progress, ends the work."""
        try:
            return await asyncio.wrap_future(work)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        except Cancelled:
            raise JsonRpcRequestCancelled from None
        finally:
            self._ended = True
            self._shown.end()
