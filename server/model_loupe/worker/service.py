"""The worker's loop: requests in, answers out, one after the other."""

from __future__ import annotations

import os
import queue
import sys
import threading
import traceback
from typing import Any, BinaryIO, Callable

from . import stack
from .errors import WorkerError, failed
from .limits import watch_memory
from .protocol import MARK, BrokenStream, read_frame, write_frame


def serve(mark: bytes, memory_limit: int) -> None:
    """Answers until the server closes the pipe; never returns. ``memory_limit`` in bytes, 0 for none."""
    requests, answers = _claim_pipes()
    answers.write(MARK + mark)
    write_frame(answers, {"hello": stack.installed()})
    waiting: queue.Queue[dict[str, Any]] = queue.Queue()
    threading.Thread(target=_receive, args=(requests, waiting), daemon=True).start()
    if memory_limit:
        watch_memory(memory_limit)
    while True:
        write_frame(answers, _answer(waiting.get()))


def _claim_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Stdin and stdout for the protocol alone; whatever a library prints goes to stderr."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return requests, answers


def _receive(requests: BinaryIO, waiting: queue.Queue[dict[str, Any]]) -> None:
    while True:
        try:
            request = read_frame(requests)
        except (BrokenStream, OSError):
            request = None
        if request is None:
            # The server is gone, or closes us: a library's call that hangs must not keep us alive.
            os._exit(0)
        waiting.put(request)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    number = request.get("id")
    try:
        handler = _HANDLERS.get(str(request.get("method")))
        if handler is None:
            raise WorkerError("unknown-method", f"the worker knows no method {request.get('method')!r}")
        return {"id": number, "result": handler(request.get("params") or {})}
    except WorkerError as error:
        return {"id": number, "error": {"code": error.code, "message": error.message}}
    except MemoryError:
        return {"id": number, "error": {"code": "out-of-memory", "message": "the worker ran out of memory"}}
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        known = failed(error, "the request")
        return {"id": number, "error": {"code": known.code, "message": known.message}}


# The heavy modules are imported by the first request that needs them: a process that only waits stays small.


def _installed(params: dict[str, Any]) -> Any:
    return stack.installed()


def _warm_up(params: dict[str, Any]) -> Any:
    return stack.load(params.get("model_type"))


def _architecture(params: dict[str, Any]) -> Any:
    stack.load(None)
    from .architecture import architecture

    return architecture(params)


def _placement(params: dict[str, Any]) -> Any:
    stack.load(None)
    from .placement import placement

    return placement(params)


def _tokens(params: dict[str, Any]) -> Any:
    stack.load(None)
    from .tokens import tokens

    return tokens(params)


_HANDLERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "installed": _installed,
    "warm_up": _warm_up,
    "architecture": _architecture,
    "placement": _placement,
    "tokens": _tokens,
}
