"""The failures that a user can meet, each with a code and one line that says what to do."""

from __future__ import annotations

from model_loupe.domain.lean_typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class LoupeError(Exception):
    """An expected failure.

    ``code`` is stable and hyphenated (``model-not-found``); ``message`` is one line: what happened and
    what to do about it. It reaches the user as it is, so it holds no traceback, token or secret.
    ``find_nearest`` can be set: it gives names that may have been meant, which change as others are learnt.
    ``passing``: it may be over at the next try, whatever anybody does, and ``seconds`` is when, if that is
    known.
    """

    def __init__(
        self, code: str, message: str, *, passing: bool = False, seconds: float | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.find_nearest: Callable[[], Iterable[str]] = tuple
        self._message = message
        self.passing = passing
        self.seconds = seconds

    @property
    def nearest(self) -> tuple[str, ...]:
        """The names that may have been meant, by what is known now."""
        return tuple(self.find_nearest())

    @property
    def message(self) -> str:
        """The line, with the names that may have been meant."""
        names = self.nearest
        return f"{self._message}. Did you mean {' or '.join(names)}?" if names else self._message
