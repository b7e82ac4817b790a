"""What the worker has told of a model, as an entry of the store on disk: the next process need not start one.

The key is the whole question (config, call, the checkpoint's names), by its digest, with the interpreter and
the versions of its libraries: the answer depends on nothing else.
"""

from __future__ import annotations

import json
from contextlib import suppress
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from model_loupe.inspector.environment import installed_version
from model_loupe.inspector.remembered import version_of_rooms

if TYPE_CHECKING:
    from model_loupe.sources.store import Store

_FORMAT = 1
_LIBRARIES = ("torch", "transformers", "accelerate")


class ToldBefore:
    """Answers of workers under ``interpreter``, in ``store`` (None: nothing is kept)."""

    def __init__(self, store: Store | None, interpreter: str) -> None:
        self._store = store
        self._interpreter = interpreter

    def get(self, question: dict[str, Any]) -> dict[str, Any] | None:
        """The answer to ``question``, if one was kept."""
        if self._store is None or self._surroundings is None:
            return None
        value = self._store.get(self._key(question))
        with suppress(ValueError):
            found = json.loads(value) if value else None
            return found if isinstance(found, dict) else None
        return None

    def put(self, question: dict[str, Any], answer: dict[str, Any]) -> None:
        """Keeps an answer, unless it says that something was missing, which may be there the next time."""
        if self._store is not None and self._surroundings is not None and not answer.get("notes"):
            self._store.put(self._key(question), json.dumps(answer, separators=(",", ":")).encode())

    def _key(self, question: dict[str, Any]) -> str:
        digest = sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()
        return json.dumps([_FORMAT, self._surroundings, digest])

    @cached_property
    def _surroundings(self) -> list[Any] | None:
        """None where a library is at work on itself: its version says little."""
        versions = [installed_version(name, self._interpreter) for name in _LIBRARIES]
        if any(version and "dev" in version for version in versions):
            return None
        return [self._interpreter, versions, version_of_rooms("worker")]
