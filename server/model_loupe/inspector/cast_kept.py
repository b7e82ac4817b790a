"""Figures of casts in the store on disk, by the content that they are of."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from model_loupe import __version__
from model_loupe.domain.casts.numerics import Sums
from model_loupe.inspector.environment import installed_version
from model_loupe.sources.store import user_store

if TYPE_CHECKING:
    from model_loupe.inspector.casting import Preview

_FORMAT = 1


class Kept:
    """The figures of one target over one source; ``source`` is all that says what the source holds."""

    def __init__(self, found: Preview, interpreter: str, source: Sequence[Any], target: str) -> None:
        self._found = found
        self._target = target
        self._names: list[str] = []
        self._known: dict[str, Any] = {}
        self._store = user_store()
        code = _FORMAT, __version__, _newest_code(), installed_version("torch", interpreter)
        self._key = json.dumps(["cast", code, source, target, found.exact])

    def load(self, names: list[str]) -> bool:
        """Whether the store had all of ``names``, which the preview then has."""
        self._names = names
        raw = self._store.get(self._key) if self._store else None
        with suppress(ValueError, TypeError, zlib.error, AttributeError):
            self._known = dict(json.loads(zlib.decompress(raw))) if raw else {}
            if all(name in self._known for name in names):
                self._found.add([[name, self._target, self._known[name]] for name in names])
                return True
        return False

    def save(self) -> None:
        """Adds what the preview has by now of the names that were asked for, if that is all of them."""
        sums = self._found.sums[self._target]
        if self._store and all(name in sums for name in self._names):
            # Another preview may have been of another part of the same file.
            kept = {**self._known, **{name: _plain(sums[name]) for name in self._names}}
            self._store.put(self._key, zlib.compress(json.dumps(kept, separators=(",", ":")).encode(), 1))


def _plain(sums: Sums) -> dict[str, Any]:
    exponents = ("exponents_before", "exponents_after")
    return {
        **sums._asdict(),
        **{field: [list(pair) for pair in getattr(sums, field).items()] for field in exponents},
    }


def _newest_code() -> int:
    """When the code that measures was last changed: for those who work on it."""
    folder = os.path.join(os.path.dirname(os.path.dirname(__file__)), "worker", "casting")
    with suppress(OSError), os.scandir(folder) as entries:
        return max(entry.stat().st_mtime_ns for entry in entries if entry.name.endswith(".py"))
    return 0
