"""The failures that a user can meet, each with a code and one line that says what to do."""

from __future__ import annotations


class LoupeError(Exception):
    """An expected failure.

    ``code`` is stable and hyphenated (``model-not-found``); ``message`` is one line: what happened and
    what to do about it. It reaches the user as it is, so it holds no traceback, token or secret.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
