"""Describes models and remembers the descriptions for as long as their files stay as they are."""

from __future__ import annotations

import gc
from _thread import allocate_lock  # all of threading is a millisecond more
from collections import OrderedDict

from model_loupe.domain.errors import LoupeError
from model_loupe.domain.lean_typing import TYPE_CHECKING
from model_loupe.domain.loading import LoadOptions
from model_loupe.domain.memory import Wanted
from model_loupe.inspector.description import describe
from model_loupe.sources.locate import Location, ModelRequest, locate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from model_loupe.inspector.builder import Builder
    from model_loupe.inspector.description import Description
    from model_loupe.inspector.rows import Place, TreeNode

# Files that say that a model has parts in other folders.
_NAMES_PARTS = ("model_index.json", "modules.json", "adapter_config.json")
_REMEMBERED = 64
_ANY_CALL = (LoadOptions(),)
# Files that are not read, but known: what they are is an answer.
_SAID_TO_BE = frozenset({"exported-program", "format-not-read", "no-weights", "torch-package", "torchscript"})


class _Entry:
    """One remembered model; ``lock`` lets one thread describe it while others wait for the result."""

    __slots__ = ("description", "failure", "fingerprint", "lock")

    def __init__(self) -> None:
        self.lock = allocate_lock()
        self.fingerprint: Any = None
        self.description: Description | None = None
        self.failure: LoupeError | None = None


class Inspector:
    """Answers about models. Thread-safe; all but ``peek`` and ``root`` may read files and so may wait.

    ``offline``: never ask the Hub. (It is not asked yet in any case.) ``trees``: have each model's tree ready
    with its description, so that its first level comes at once. ``wanted`` can be set: what memory
    rows are for. ``disk``: use the store on disk that all processes of this user share (``sources.store``).
    ``builder`` tells what calls build of a model; None: nothing does. ``calls`` can be set: how the code of
    the workspace loads each model.
    """

    def __init__(
        self,
        *,
        offline: bool = False,
        trees: bool = True,
        disk: bool = False,
        builder: Builder | None = None,
    ) -> None:
        self.offline = offline
        self.builder = builder
        self.calls: Mapping[ModelRequest, Sequence[LoadOptions]] = {}
        self._disk = disk
        self.wanted = Wanted()
        self._trees = trees
        self._lock = allocate_lock()
        self._entries: OrderedDict[ModelRequest, _Entry] = OrderedDict()

    def describe(self, request: ModelRequest) -> Description:
        """The model's description, read anew if a file changed; raises LoupeError if there is none."""
        entry = self._entry(request)
        with entry.lock:
            try:
                location = locate(request)
                fingerprint = _fingerprint(location)
                if entry.description is None or entry.fingerprint != fingerprint:
                    entry.description = _describe(request, location, self._disk)
                    # Names from the disk are read for those who ask for a tree: it takes a moment once.
                    if self._trees and not entry.description.weights.table.is_kept:
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
        from model_loupe.inspector import tree

        entry = self._entries.get(request)
        known = entry.description if entry else None
        view = self.view(known, self.calls_of(request)[0]) if known else None
        return tree.root(request, view, entry.failure if entry else None)

    def children(self, node: str) -> list[TreeNode]:
        """The rows below the row ``node``, at most 200 and then one for the rest; raises LoupeError."""
        from model_loupe.inspector import tree
        from model_loupe.inspector.rows import Place

        place = Place.parse(node)
        description = self.describe(place.request)
        options = self._call(place)
        view = self.view(description, options)
        if place.section == "placement" and self.builder and not view.placement:
            view = view._replace(placement=self.builder.placement(description, options))
        rows = tree.children(place, view, options, self.wanted)
        for other in () if place.section else self.calls_of(place.request)[1:]:
            rows += tree.architecture(place._replace(options=other), self.view(description, other))
        return rows

    def _call(self, place: Place) -> LoadOptions:
        """The call that a row is about: the first that loads its model, unless its id names another."""
        return self.calls_of(place.request)[0] if place.options == _ANY_CALL[0] else place.options

    def calls_of(self, request: ModelRequest) -> Sequence[LoadOptions]:
        """How the workspace's code loads a model, each way of building it once."""
        return self.calls.get(request) or _ANY_CALL

    def is_first_way(self, request: ModelRequest, options: LoadOptions) -> bool:
        """Whether the first architecture among a model's rows is of what ``options`` build."""
        return options.way() == self.calls_of(request)[0].way() or request not in self.calls

    def place_of(self, node: str) -> tuple[ModelRequest, LoadOptions]:
        """The model of a row, and the call that builds what it shows; raises LoupeError."""
        from model_loupe.inspector.rows import Place

        place = Place.parse(node)
        return place.request, self._call(place)

    def asked(self, node: str) -> Sequence[tuple[Description, LoadOptions]]:
        """What the rows below ``node`` show, of models that were described; never waits."""
        from model_loupe.inspector.rows import Place

        place = Place.parse(node)
        known = self.peek(place.request)
        if known is None:
            return ()
        calls = (self._call(place),) if place.section else self.calls_of(place.request)
        return [(known, options) for options in calls]

    def view(self, description: Description, options: LoadOptions) -> Description:
        """``description`` with what ``options`` build of it, as far as that is known; never waits."""
        return self.builder.view(description, options) if self.builder else description

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


def _describe(request: ModelRequest, location: Location, disk: bool) -> Description:
    collecting = gc.isenabled()
    # A description is built of many small objects that all live on: collecting meanwhile finds nothing.
    gc.disable()
    try:
        description = _whole(request, location, disk)
    except OSError as error:
        raise _unreadable(location, error) from error
    finally:
        if collecting:
            gc.enable()
    if not description.config and not len(description.weights.table) and not description.tokenizer:
        _require_something(description)
    return description


def _whole(request: ModelRequest, location: Location, disk: bool) -> Description:
    description = describe(request, location, disk)
    config = description.config
    nested = config.get("is_encoder_decoder") is True or any(
        isinstance(each, dict) for each in config.values()
    )
    if not nested and not any(file.name in _NAMES_PARTS for file in description.files):
        return description
    # Imported here: most models are in one piece.
    from model_loupe.inspector.components import with_parts

    return with_parts(description, location, disk)


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
