"""The failures that a user can meet, each with a code and one line that says what to do."""

from __future__ import annotations


class LoupeError(Exception):
    """An expected failure.

    ``code`` is stable and hyphenated (``model-not-found``); ``message`` is one line: what happened and
    what to do about it. It reaches the user as it is, so it holds no traceback, token or secret.
    ``nearest`` are names that may have been meant.
    ``passing``: it may be over at the next try, whatever anybody does, and ``seconds`` is when, if that is
    known.
    """

    def __init__(
        self, code: str, message: str, *, passing: bool = False, seconds: float | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.nearest: tuple[str, ...] = ()
        self.passing = passing
        self.seconds = seconds
