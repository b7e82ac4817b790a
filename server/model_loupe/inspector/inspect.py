"""Describes models and remembers the descriptions for as long as their files stay as they are."""

from __future__ import annotations

import gc
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from model_loupe.domain.errors import LoupeError
from model_loupe.domain.memory import Wanted
from model_loupe.inspector import tree
from model_loupe.inspector.components import describe_whole
from model_loupe.inspector.description import Description
from model_loupe.inspector.tree import TreeNode
from model_loupe.sources.locate import Location, ModelRequest, locate

_REMEMBERED = 64
# Files that are not read, but known: what they are is an answer.
_SAID_TO_BE = frozenset({"exported-program", "format-not-read", "no-weights", "torch-package", "torchscript"})


class _Entry:
    """One remembered model; ``lock`` lets one thread describe it while others wait for the result."""

    __slots__ = ("description", "failure", "fingerprint", "lock")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.fingerprint: Any = None
        self.description: Description | None = None
        self.failure: LoupeError | None = None


class Inspector:
    """Answers about models. Thread-safe; all but ``peek`` and ``root`` may read files and so may wait.

    ``offline``: never ask the Hub. (It is not asked yet in any case.) ``trees``: have each model's tree ready
    with its description, so that its first level comes at once. ``wanted`` can be set: what memory
    rows are for.
    """

    def __init__(self, *, offline: bool = False, trees: bool = True) -> None:
        self.offline = offline
        self.wanted = Wanted()
        self._trees = trees
        self._lock = threading.Lock()
        self._entries: OrderedDict[ModelRequest, _Entry] = OrderedDict()

    def describe(self, request: ModelRequest) -> Description:
        """The model's description, read anew if a file changed; raises LoupeError if there is none."""
        entry = self._entry(request)
        with entry.lock:
            try:
                location = locate(request)
                fingerprint = _fingerprint(location)
                if entry.description is None or entry.fingerprint != fingerprint:
                    entry.description = _describe(request, location)
                    if self._trees:
                        entry.description.weights.table.prepare()
                    entry.fingerprint = fingerprint
            except LoupeError as failure:
                entry.description, entry.failure = None, failure
                raise
            entry.failure = None
            return entry.description

    def fresh(self, request: ModelRequest) -> Description | None:
        """The remembered description if the files are as they were then; None means: ``describe`` it.

        Reads a folder's listing at most, and does not wait for a thread that describes the same model.
        """
        entry = self._entries.get(request)
        if entry is None or entry.description is None or not entry.lock.acquire(blocking=False):
            return None
        try:
            is_fresh = entry.fingerprint == _fingerprint(locate(request))
            return entry.description if is_fresh else None
        except LoupeError:
            return None
        finally:
            entry.lock.release()

    def peek(self, request: ModelRequest) -> Description | None:
        """The description as last read, if it is in memory; never touches a file."""
        entry = self._entries.get(request)
        return entry.description if entry else None

    def invalidate(self, path: str | None = None) -> None:
        """Forgets what was read from ``path`` or below it (None: everything)."""
        with self._lock:
            for request, entry in list(self._entries.items()):
                known = entry.description
                if path is None or known is None or _touches(known.path, path):
                    del self._entries[request]

    def root(self, request: ModelRequest) -> TreeNode:
        """The model's own row of the tree, with what is known at this moment."""
        entry = self._entries.get(request)
        return tree.root(request, entry.description if entry else None, entry.failure if entry else None)

    def children(self, node: str) -> list[TreeNode]:
        """The rows below the row ``node``, at most 200 and then one for the rest; raises LoupeError."""
        place = tree.Place.parse(node)
        return tree.children(place, self.describe(place.request), self.wanted)

    def _entry(self, request: ModelRequest) -> _Entry:
        with self._lock:
            entry = self._entries.get(request)
            if entry is None:
                entry = self._entries[request] = _Entry()
                if len(self._entries) > _REMEMBERED:
                    self._entries.popitem(last=False)
            else:
                self._entries.move_to_end(request)
            return entry


def _fingerprint(location: Location) -> Any:
    try:
        return location.path, location.files.fingerprint()
    except OSError as error:
        raise _unreadable(location, error) from error


def _describe(request: ModelRequest, location: Location) -> Description:
    try:
        with _no_collections():
            description = describe_whole(request, location)
    except OSError as error:
        raise _unreadable(location, error) from error
    if not description.config and not len(description.weights.table) and not description.tokenizer:
        _require_something(description)
    return description


@contextmanager
def _no_collections() -> Iterator[None]:
    """A description is built of many small objects that all live on: collecting meanwhile finds nothing."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _require_something(description: Description) -> None:
    named = description.warnings
    if any(warning.code in _SAID_TO_BE for warning in named):
        return
    if named:
        raise LoupeError(named[0].code, named[0].message)
    if not description.weights.shards:
        message = f"{description.request.model} holds no config.json and no weights: it is no model"
        raise LoupeError("not-a-model", message)


def _unreadable(location: Location, error: OSError) -> LoupeError:
    return LoupeError("unreadable-folder", f"{location.path} cannot be read: {error.strerror or error}")


def _touches(model_path: str, changed: str) -> bool:
    return (
        changed == model_path
        or changed.startswith(model_path.rstrip("/") + "/")
        or model_path.startswith(changed.rstrip("/") + "/")
    )
