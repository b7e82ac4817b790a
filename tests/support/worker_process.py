"""The worker as the server drives it: a process of its own, frames over its pipes, one request at a time."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from model_loupe.worker.protocol import read_frame, skip_to, write_frame

WORKER = Path(__file__).parents[2] / "server" / "model_loupe" / "worker"
_MARK = b"0123456789abcdef"
GIB = 2**30


class WorkerFailed(Exception):
    """An answer that is an error: ``code`` and ``message`` as the worker sent them."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class WorkerDied(Exception):
    """The process ended, or was ended for taking too long, without an answer; its exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exit code {code}")
        self.code = code


class WorkerProcess:
    """A running worker. ``hello`` is what it said of its interpreter; ``printed`` what went to stderr."""

    def __init__(
        self,
        python: str = sys.executable,
        variables: dict[str, str] | None = None,
        memory_limit: int = 4 * GIB,
        worker: Path = WORKER,
    ) -> None:
        self._errors = open(os.memfd_create("worker-stderr"), "w+b")  # noqa: SIM115
        self.process = subprocess.Popen(
            [python, str(worker), _MARK.decode(), str(memory_limit)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, **(variables or {})},
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._requests, self._answers = self.process.stdin, self.process.stdout
        self._asked = 0
        if not skip_to(self._answers, _MARK):
            raise WorkerDied(self.process.wait())
        first = read_frame(self._answers)
        assert first is not None
        self.hello: dict[str, Any] = first["hello"]

    def ask(self, method: str, *, timeout: float = 300, **params: Any) -> Any:
        """The result. Raises WorkerFailed for an error, WorkerDied for none within ``timeout`` seconds."""
        self.send(method, **params)
        return self.receive(timeout)

    def send(self, method: str, **params: Any) -> None:
        """Asks, and leaves the answer to ``receive``: meanwhile the caller can work."""
        self._asked += 1
        write_frame(self._requests, {"id": self._asked, "method": method, "params": params})

    def receive(self, timeout: float = 300) -> Any:
        """The answer to the last request."""
        guard = threading.Timer(timeout, self.process.kill)
        guard.start()
        try:
            answer = read_frame(self._answers)
        finally:
            guard.cancel()
        if answer is None:
            raise WorkerDied(self.process.wait())
        assert answer["id"] == self._asked
        if "error" in answer:
            assert set(answer) == {"id", "error"}
            raise WorkerFailed(answer["error"]["code"], answer["error"]["message"])
        return answer["result"]

    @property
    def printed(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")

    def close(self) -> int:
        """Closes the pipes, at which the worker ends; its exit code."""
        self._requests.close()
        try:
            return self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self._answers.close()
            self._errors.close()

    def __enter__(self) -> WorkerProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.process.kill()
        self.close()


class Unfolded:
    """A tree with each folded run written out: everything by its whole path, in the model's order."""

    def __init__(self, tree: dict[str, Any]) -> None:
        self.modules: dict[str, str] = {}
        self.parameters: dict[str, dict[str, Any]] = {}
        self.buffers: dict[str, dict[str, Any]] = {}
        self._add(tree, "")

    def _add(self, node: dict[str, Any], path: str) -> None:
        self.modules[path] = node["class"]
        below = f"{path}." if path else ""
        for kind, found in (("parameters", self.parameters), ("buffers", self.buffers)):
            for each in node.get(kind, ()):
                found[below + each["name"]] = each
        for child in node.get("children", ()):
            for name in _names(child):
                self._add(child, below + name)


def _names(node: dict[str, Any]) -> Iterator[str]:
    if "indices" not in node:
        yield node["name"]
        return
    first, last = node["indices"][0], node["indices"][-1]
    assert node["indices"] == list(range(first, last + 1))
    assert node["name"] == f"{first}-{last}"
    yield from map(str, node["indices"])
