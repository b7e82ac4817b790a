"""The worker as seen from the server: started when first needed, asked, ended, started again.

One request is under way at a time. A process that dies, hangs, needs too much memory or cannot be started
ends in one clear LoupeError; the next request gets a new process, after a pause if the last ones failed too.
"""

from __future__ import annotations

import contextlib
import os
import queue
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import IO, Any, BinaryIO, NamedTuple, cast

from model_loupe.domain.errors import LoupeError
from model_loupe.domain.units import format_bytes
from model_loupe.worker.limits import OUT_OF_MEMORY
from model_loupe.worker.protocol import BrokenStream, read_frame, skip_to, write_frame

MEMORY_LIMIT = 4 * 2**30
"""Bytes; a model on the meta device needs some hundred megabytes, torch included."""

_START_SECONDS = 60.0
_REQUEST_SECONDS = 120.0
_IDLE_SECONDS = 600.0
# Who cancels does not want to wait, and yet a new process costs more than a request that is nearly done.
_GRACE_SECONDS = 2.0
_POLL_SECONDS = 0.05
# So many failures in a row are forgiven, then each pause is twice the last.
_FREE_FAILURES = 3
_LONGEST_PAUSE = 60.0
_STDERR_LINES = 20
_DIED = "worker-died"
_FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "worker")
_SECRETS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
# It reads no network and needs no backend but torch.
_ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "USE_TORCH": "1",
    "USE_TF": "0",
    "USE_FLAX": "0",
}


class Cancelled(Exception):
    """The request was given up by its asker."""


class Worker:
    """A worker under ``interpreter``. Thread-safe; requests wait for each other.

    ``memory_limit`` in bytes, ``idle_seconds`` until a process that nobody asks is ended.
    """

    def __init__(
        self,
        interpreter: str = sys.executable,
        *,
        memory_limit: int = MEMORY_LIMIT,
        idle_seconds: float = _IDLE_SECONDS,
    ) -> None:
        self.interpreter = interpreter
        self._memory_limit = memory_limit
        self._idle_seconds = idle_seconds
        self._turn = threading.Lock()
        self._process: _Process | None = None
        self._failures = 0
        self._not_before = 0.0
        self._timer: threading.Timer | None = None
        self._stopped = False
        self._requests = 0

    def call(
        self,
        method: str,
        params: dict[str, Any],
        *,
        seconds: float = _REQUEST_SECONDS,
        cancelled: threading.Event | None = None,
        partial: Callable[[dict[str, Any]], None] | None = None,
    ) -> dict[str, Any]:
        """The result of a request; raises LoupeError, or Cancelled.

        ``partial`` gets what comes before the answer. No message of either kind takes longer than
        ``seconds``.
        """
        while not self._turn.acquire(timeout=_POLL_SECONDS if cancelled else -1):
            if cancelled and cancelled.is_set():
                raise Cancelled
        try:
            waiting = _Waiting(seconds, cancelled or threading.Event(), partial or _ignore)
            return self._ask(method, params, waiting)
        finally:
            self._turn.release()
            self._begin_idling()

    def stop(self) -> None:
        """Ends the process, at once and for good."""
        self._stopped = True
        if self._timer:
            self._timer.cancel()
        process = self._process
        if process:
            process.kill()

    def _ask(self, method: str, params: dict[str, Any], waiting: _Waiting) -> dict[str, Any]:
        # Each has a number of its own: what gives one up must not hit the next.
        self._requests += 1
        request = {"id": self._requests, "method": method, "params": params}
        before = self._process
        cancelled = waiting.cancelled
        process = self._running(cancelled)
        try:
            answer = self._answer(process, request, waiting)
        except LoupeError as why:
            # One that has waited may have been killed while it did: the request is not to blame.
            if why.code != _DIED or process is not before:
                self._failed()
                raise
            answer = self._answer(self._running(cancelled), request, waiting)
        self._failures = 0
        if cancelled.is_set():
            raise Cancelled
        error = answer.get("error")
        if error:
            raise LoupeError(str(error.get("code")), str(error.get("message")))
        return cast("dict[str, Any]", answer.get("result") or {})

    def _answer(self, process: _Process, request: dict[str, Any], waiting: _Waiting) -> dict[str, Any]:
        try:
            return process.ask(request, waiting)
        except BaseException:
            # An interrupt too: a process that is still at work for nobody must not go on writing.
            self._process = None
            process.kill()
            raise

    def _running(self, cancelled: threading.Event) -> _Process:
        if self._stopped:
            raise LoupeError("worker-stopped", "the server is ending")
        if self._process and self._process.is_alive():
            return self._process
        pause = self._not_before - time.monotonic()
        if pause > 0:
            message = (
                f"the worker has ended {self._failures} times in a row: it is tried again in {pause:.0f} s"
            )
            raise LoupeError("worker-pauses", message)
        process = _Process(self.interpreter, self._memory_limit)
        self._process = process
        try:
            process.receive(_Waiting(_START_SECONDS, cancelled))
        except (Cancelled, LoupeError) as why:
            self._process = None
            process.kill()
            if isinstance(why, LoupeError):
                self._failed()
            raise
        return process

    def _failed(self) -> None:
        self._failures += 1
        if self._failures >= _FREE_FAILURES:
            pause = min(_LONGEST_PAUSE, 2.0 ** (self._failures - _FREE_FAILURES))
            self._not_before = time.monotonic() + pause

    def _begin_idling(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = threading.Timer(self._idle_seconds, self._end_idle)
        self._timer.daemon = True
        self._timer.start()

    def _end_idle(self) -> None:
        if self._turn.acquire(blocking=False):
            try:
                process, self._process = self._process, None
                if process:
                    process.kill()
            finally:
                self._turn.release()


def _ignore(partial: dict[str, Any]) -> None:
    """What comes before an answer, where nobody wants it."""


class _Waiting(NamedTuple):
    """How long at most until the next message, whether still, and who takes partial results."""

    seconds: float
    cancelled: threading.Event
    partial: Callable[[dict[str, Any]], None] = _ignore


class _Process:
    """One process: what it sends comes through a queue, so that waiting can end in more than one way."""

    def __init__(self, interpreter: str, memory_limit: int) -> None:
        mark = secrets.token_hex(16)
        self._interpreter = interpreter
        self._memory_limit = memory_limit
        self._frames: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._said: deque[str] = deque(maxlen=_STDERR_LINES)
        environment = {name: value for name, value in os.environ.items() if name not in _SECRETS}
        try:
            self._process = subprocess.Popen(
                [interpreter, _FOLDER, mark, str(memory_limit)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                # A relative entry of the user's PYTHONPATH must not mean a folder of models.
                cwd=_FOLDER,
                env={**environment, **_ENVIRONMENT},
                start_new_session=True,
            )
        except OSError as error:
            message = f"the interpreter {interpreter} cannot be started: {error.strerror or error}"
            raise LoupeError("no-interpreter", message) from error
        assert self._process.stdin and self._process.stdout and self._process.stderr
        self._stdin: IO[bytes] = self._process.stdin
        for work, stream in ((self._read, self._process.stdout), (self._listen, self._process.stderr)):
            name = "worker-output"
            threading.Thread(target=work, args=(stream, mark.encode()), name=name, daemon=True).start()

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """Ends the process and all that it started."""
        with contextlib.suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()

    def ask(self, request: dict[str, Any], waiting: _Waiting) -> dict[str, Any]:
        """Sends a request and waits for its answer."""
        self._send(request)
        return self.receive(waiting, request["id"])

    def _send(self, message: dict[str, Any]) -> None:
        try:
            write_frame(cast("BinaryIO", self._stdin), message)
        except OSError as error:
            raise self._ended() from error

    def receive(self, waiting: _Waiting, number: int | None = None) -> dict[str, Any]:
        """The next message that is no partial one; raises LoupeError where none comes.

        Once nobody waits for it, the request ``number`` is given up; raises Cancelled if that takes long.
        """
        deadline = time.monotonic() + waiting.seconds
        given_up = False
        while True:
            if waiting.cancelled.is_set() and not given_up:
                given_up = True
                deadline = min(deadline, time.monotonic() + _GRACE_SECONDS)
                if number is not None:
                    self._send({"cancel": number})
            with contextlib.suppress(queue.Empty):
                frame = self._frames.get(timeout=_POLL_SECONDS)
                if frame is None:
                    raise self._ended()
                if "partial" not in frame:
                    return frame
                if not given_up:
                    waiting.partial(frame["partial"])
                    deadline = time.monotonic() + waiting.seconds
            if time.monotonic() > deadline:
                if given_up:
                    raise Cancelled
                message = f"the worker gave no answer within {waiting.seconds:.0f} s and was ended"
                raise LoupeError("worker-hangs", message)

    def _ended(self) -> LoupeError:
        try:
            code = self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            return LoupeError("worker-garbled", "the worker sent what is no answer and was ended")
        if code == OUT_OF_MEMORY:
            limit = format_bytes(self._memory_limit)
            return LoupeError("worker-out-of-memory", f"the worker needed more than {limit} and was ended")
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        last = next((line for line in reversed(self._said) if line.strip()), "")
        said = f": {last.strip()[:300]}" if last else ""
        return LoupeError(_DIED, f"the worker under {self._interpreter} ended {how}{said}")

    def _read(self, stream: BinaryIO, mark: bytes) -> None:
        try:
            if skip_to(stream, mark):
                while (frame := read_frame(stream)) is not None:
                    self._frames.put(frame)
        except (BrokenStream, OSError, ValueError):
            pass
        self._frames.put(None)
        self._process.wait()

    def _listen(self, stream: BinaryIO, mark: bytes) -> None:
        with contextlib.suppress(OSError, ValueError):
            for line in stream:
                self._said.append(line.decode("utf-8", "replace"))
