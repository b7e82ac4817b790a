"""Why a request has no answer, in words for the user."""

from __future__ import annotations


class WorkerError(Exception):
    """``code`` names the case for programs, ``message`` is one sentence for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def failed(error: BaseException, doing: str) -> WorkerError:
    """What a library raised, in one line: ``doing`` says at what."""
    said = " ".join(str(error).split())[:300]
    return WorkerError(
        "library-failed", f"{doing} failed: {type(error).__name__}{': ' if said else ''}{said}"
    )
