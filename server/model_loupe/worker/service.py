"""The worker's loop: requests in, answers out, one after the other."""

from __future__ import annotations

import os
import queue
import sys
import threading
import traceback
from typing import Any, BinaryIO, Callable, NamedTuple

from . import stack
from .errors import WorkerError, failed
from .job import Cancelled, Job, abandon
from .limits import watch_memory
from .protocol import MARK, BrokenStream, read_frame, write_frame


def serve(mark: bytes, memory_limit: int) -> None:
    """Answers until the server closes the pipe; never returns. ``memory_limit`` in bytes, 0 for none."""
    requests, answers = _claim_pipes()
    answers.write(MARK + mark)
    write_frame(answers, {"hello": stack.installed()})
    waiting: queue.Queue[_Request] = queue.Queue()
    threading.Thread(target=_receive, args=(requests, waiting), daemon=True).start()
    if memory_limit:
        watch_memory(memory_limit)
    while True:
        request = waiting.get()
        write_frame(answers, _answer(request, answers))


def _claim_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Stdin and stdout for the protocol alone; whatever a library prints goes to stderr."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return requests, answers


class _Request(NamedTuple):
    """``cancelled`` is set by the thread that receives, while the other works."""

    number: Any
    method: str
    params: dict[str, Any]
    cancelled: threading.Event


def _receive(requests: BinaryIO, waiting: queue.Queue[_Request]) -> None:
    last: _Request | None = None
    while True:
        try:
            request = read_frame(requests)
        except (BrokenStream, OSError):
            request = None
        if request is None:
            # The server is gone, or closes us: a library's call that hangs must not keep us alive.
            abandon()
            os._exit(0)
        if "cancel" in request:
            if last and last.number == request["cancel"]:
                last.cancelled.set()
            continue
        last = _Request(
            request.get("id"), str(request.get("method")), request.get("params") or {}, threading.Event()
        )
        waiting.put(last)


def _answer(request: _Request, answers: BinaryIO) -> dict[str, Any]:
    number = request.number
    try:
        long_one = _JOBS.get(request.method)
        if long_one is not None:
            job = Job(lambda part: write_frame(answers, {"id": number, "partial": part}), request.cancelled)
            return {"id": number, "result": long_one(request.params, job)}
        handler = _HANDLERS.get(request.method)
        if handler is None:
            raise WorkerError("unknown-method", f"the worker knows no method {request.method!r}")
        return {"id": number, "result": handler(request.params)}
    except Cancelled:
        return {"id": number, "error": {"code": "cancelled", "message": "the request was cancelled"}}
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


def _tokenizer(params: dict[str, Any]) -> Any:
    stack.load(None)
    from .tokenizers import tokenizer

    return tokenizer(params)


def _cast(params: dict[str, Any], job: Job) -> Any:
    stack.load_torch()
    from .casting.request import cast

    with stack.one_thread():
        return cast(params, job)


def _cast_sample(params: dict[str, Any], job: Job) -> Any:
    stack.load_torch()
    from .casting.request import cast_sample

    with stack.one_thread():
        return cast_sample(params, job)


def _cast_write(params: dict[str, Any], job: Job) -> Any:
    stack.load_torch()
    from .casting.writing import cast_write

    with stack.one_thread():
        return cast_write(params, job)


_JOBS: dict[str, Callable[[dict[str, Any], Job], Any]] = {
    "cast": _cast,
    "cast_sample": _cast_sample,
    "cast_write": _cast_write,
}
_HANDLERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "installed": _installed,
    "warm_up": _warm_up,
    "architecture": _architecture,
    "placement": _placement,
    "tokens": _tokens,
    "tokenizer": _tokenizer,
}
