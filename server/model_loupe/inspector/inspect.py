"""Describes models and remembers the descriptions for as long as their files stay as they are."""

from __future__ import annotations

from _thread import allocate_lock  # all of threading is a millisecond more
from collections import OrderedDict

from model_loupe.domain.errors import LoupeError
from model_loupe.domain.lean_typing import TYPE_CHECKING
from model_loupe.domain.loading import LoadOptions
from model_loupe.domain.memory import Wanted
from model_loupe.inspector.reading import read_description, unreadable
from model_loupe.sources.locate import Location, ModelRequest, is_on_hub, locate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from model_loupe.inspector.builder import Builder
    from model_loupe.inspector.description import Description
    from model_loupe.inspector.remote import Remote
    from model_loupe.inspector.rows import Place, TreeNode
    from model_loupe.inspector.tokenizer_facts import Known
    from model_loupe.inspector.tokenizers import Tokenizers
    from model_loupe.sources.hub.files import HubFiles

_REMEMBERED = 64
_ANY_CALL = (LoadOptions(),)


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

    ``offline`` is why the Hub must not be asked, if it must not. ``trees``: have each model's tree ready
    with its description, so that its first level comes at once. ``wanted`` can be set: what memory
    rows are for. ``disk``: use the store on disk that all processes of this user share (``sources.store``).
    ``builder`` tells what calls build of a model; None: nothing does. ``calls`` can be set: how the code of
    the workspace loads each model.
    """

    def __init__(
        self,
        *,
        offline: str | None = None,
        trees: bool = True,
        disk: bool = False,
        builder: Builder | None = None,
    ) -> None:
        self._offline = offline
        self._remote: Remote | None = None
        self._tokenizers: Tokenizers | None = None
        self.builder = builder
        self.calls: Mapping[ModelRequest, Sequence[LoadOptions]] = {}
        self._disk = disk
        self.wanted = Wanted()
        self._trees = trees
        self._lock = allocate_lock()
        self._entries: OrderedDict[ModelRequest, _Entry] = OrderedDict()

    def find(self, request: ModelRequest) -> Description:
        """What this machine has, else what the Hub tells; raises LoupeError."""
        try:
            here: Description | LoupeError = self.describe(request)
        except LoupeError as error:
            here = error
        if self.may_ask_hub(request, here):
            here = self.ask_hub(request, here)
        if isinstance(here, LoupeError):
            raise here
        return here

    def may_ask_hub(self, request: ModelRequest, here: Description | LoupeError) -> bool:
        """Whether the Hub could tell more of a model than is ``here``, what this machine has of it."""
        if isinstance(here, LoupeError):
            return here.code == "not-in-cache" and is_on_hub(request)
        return _lacks_weights(here) and is_on_hub(request)

    def ask_hub(
        self,
        request: ModelRequest,
        here: Description | LoupeError,
        told: Callable[[], None] | None = None,
    ) -> Description | LoupeError:
        """What the Hub tells, or what is ``here`` if it tells nothing; waits for the network.

        ``told`` is called once there is a part of it to ``peek`` at.
        """
        try:
            return self._remotely().describe(request, told)
        except LoupeError as error:
            return error if isinstance(here, LoupeError) else here

    def is_due(self, request: ModelRequest, known: Description) -> bool:
        """Whether the Hub may say something else by now than what is known of a model's branch."""
        if self._offline or known.source == "folder" or not is_on_hub(request):
            return False
        # What was never asked need not be imported to know it.
        return self._remote is None or self._remote.is_due(request)

    def renew(self, request: ModelRequest, known: Description) -> Description | LoupeError:
        """What the Hub says by now; of a model in the cache only whether there is a newer commit."""
        if known.source == "hub":
            return self.ask_hub(request, known)
        entry = self._entry(request)
        try:
            commit: str | None = self._remotely().commit_of(request)
        except LoupeError:
            return known
        with entry.lock:
            here = entry.description
            latest = commit if here and commit != here.commit else None
            if here is not None and here.latest != latest:
                entry.description = here = here._replace(latest=latest)
        return here or known

    def retry_after(self, request: ModelRequest) -> float | None:
        """In how many seconds the Hub may be asked again, where it did not answer and has said when."""
        failure = self._remote.failure(request) if self._remote else None
        return failure.seconds if failure else None

    def known(self, request: ModelRequest) -> Description | LoupeError | None:
        """What was told last, or why nothing was; never touches a file."""
        return self.peek(request) or self._failure(request)

    def page_of(self, request: ModelRequest) -> str:
        """The address of a model's page on the Hub."""
        return self._remotely().page_of(request)

    def files_on_hub(self, request: ModelRequest) -> HubFiles:
        """The files of a model of the Hub, at the commit that was described last; raises LoupeError."""
        return self._remotely().files_of(request)

    def ask_again(self) -> None:
        """Has the Hub asked again of everything, as with another token."""
        self._remotely().forget()

    def clear_cache(self) -> None:
        """Forgets all that was told and read, and what is on disk of it."""
        self.invalidate()
        self._remotely().forget()
        from model_loupe.sources.store import user_store

        store = user_store()
        if store is not None:
            store.clear()

    def close(self) -> None:
        """Ends all questions to the Hub."""
        if self._remote is not None:
            self._remote.close()

    def _remotely(self) -> Remote:
        with self._lock:
            if self._remote is None:
                # Only here: a folder's description needs no network.
                from model_loupe.inspector.remote import Remote

                self._remote = Remote(offline=self._offline, trees=self._trees)
            return self._remote

    def _told(self, request: ModelRequest) -> Description | None:
        return self._remote.whole(request) if self._remote else None

    def describe(self, request: ModelRequest) -> Description:
        """The description of what is on this machine, or was told by the Hub before; raises LoupeError.

        Read anew if a file changed.
        """
        try:
            here = self._describe_here(request)
        except LoupeError as error:
            remote = self._told(request) if error.code == "not-in-cache" else None
            if remote is None:
                raise
            return remote
        return (self._told(request) or here) if _lacks_weights(here) else here

    def _describe_here(self, request: ModelRequest) -> Description:
        entry = self._entry(request)
        with entry.lock:
            try:
                location = locate(request)
                fingerprint = _fingerprint(location)
                if entry.description is None or entry.fingerprint != fingerprint:
                    entry.description = read_description(request, location, self._disk)
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
        if entry is None or not entry.lock.acquire(blocking=False):
            return None
        try:
            is_fresh = entry.fingerprint == _fingerprint(locate(request))
        except LoupeError as error:
            return self._told(request) if error.code == "not-in-cache" else None
        finally:
            entry.lock.release()
        known = entry.description
        if known is not None and _lacks_weights(known):
            known = self._told(request) or known
        return known if is_fresh else None

    def peek(self, request: ModelRequest) -> Description | None:
        """The description as last read or told, perhaps in outline; never touches a file."""
        entry = self._entries.get(request)
        known = entry.description if entry else None
        if self._remote is None or (known and not _lacks_weights(known)):
            return known
        return self._remote.peek(request) or known

    def invalidate(self, path: str | None = None) -> None:
        """Forgets what was read from ``path`` or below it (None: everything)."""
        with self._lock:
            for request, entry in list(self._entries.items()):
                known = entry.description
                if path is None or known is None or _touches(known.path, path):
                    del self._entries[request]

    def root(self, request: ModelRequest, filtered: str = "") -> TreeNode:
        """The model's own row of the tree, with what is known at this moment.

        ``filtered``: below it is what has that text in its name.
        """
        from model_loupe.inspector import tree

        known = self.peek(request)
        ways = self.calls_of(request)
        # Of what is built in several ways the row tells what all have: the checkpoint.
        view = self.view(known, ways[0]) if known and len(ways) == 1 else known
        return tree.root(request, view, None if known else self._failure(request), filtered)

    def _failure(self, request: ModelRequest) -> LoupeError | None:
        told = self._remote.failure(request) if self._remote else None
        entry = self._entries.get(request)
        return told or (entry.failure if entry else None)

    def children(self, node: str, query: str = "", by_size: bool = False) -> list[TreeNode]:
        """The rows below the row ``node``, at most 200 and then one for the rest; raises LoupeError.

        ``query``: of a vocabulary those tokens that it finds. ``by_size``: modules, tensors and files of most
        bytes first.
        """
        from model_loupe.inspector import tokenizer_tree, tree
        from model_loupe.inspector.rows import Place, page

        place = Place.parse(node)
        description = self._known(place.request)
        if place.section in tokenizer_tree.SECTIONS:
            if query and place.section == "vocabulary":
                place = place._replace(path=query, offset=0)
            return page(place, tokenizer_tree.rows(place, self.tokenizer(description)))
        options = self._call(place)
        view = self.view(description, options)
        if place.section == "placement" and self.builder and not view.placement:
            view = view._replace(placement=self.builder.placement(description, options))
        rows = tree.children(place, view, options, self.wanted, by_size)
        others = () if place.section else self.calls_of(place.request)[1:]
        if others:
            # All that the code builds of a model stands together, each told from the others.
            first = tree.architecture(place, view)
            at = rows.index(first[0]) if first else len(rows)
            rows[at : at + len(first)] = [
                *tree.of_call(first, options),
                *(row for other in others for row in self._architecture_of(place, description, other)),
            ]
        return rows

    def _architecture_of(
        self, place: Place, description: Description, call: LoadOptions
    ) -> Sequence[TreeNode]:
        from model_loupe.inspector import tree

        view = self.view(description, call)
        return tree.of_call(tree.architecture(place._replace(options=call), view), call)

    def tokenizer(self, description: Description, told: dict[str, Any] | None = None) -> Known:
        """What the files tell of a model's tokenizer, with what its class ``told`` the worker."""
        from model_loupe.inspector.tokenizer_facts import Known
        from model_loupe.inspector.tokenizers import Tokenizers
        from model_loupe.sources.store import user_store

        with self._lock:
            if self._tokenizers is None:
                self._tokenizers = Tokenizers(user_store() if self._disk else None)
        return Known(description, self._tokenizers.of(description, self._remote), told)

    def _known(self, request: ModelRequest) -> Description:
        try:
            return self.describe(request)
        except LoupeError as error:
            outlined = self.peek(request)
            if outlined is None:
                raise self._failure(request) or error from None
            return outlined

    def _call(self, place: Place) -> LoadOptions:
        """The call that a row is about: the first that loads its model, unless its id names another."""
        return self.calls_of(place.request)[0] if place.options == _ANY_CALL[0] else place.options

    def calls_of(self, request: ModelRequest) -> Sequence[LoadOptions]:
        """How the workspace's code loads a model, each way of building it once."""
        return self.calls.get(request) or _ANY_CALL

    def is_first_way(self, request: ModelRequest, options: LoadOptions) -> bool:
        """Whether the first architecture among a model's rows is of what ``options`` build."""
        return options.way() == self.calls_of(request)[0].way() or request not in self.calls

    def way_of(self, request: ModelRequest, options: LoadOptions) -> LoadOptions:
        """The call that stands in the rows for all that build what ``options`` build."""
        return next((each for each in self.calls_of(request) if each.way() == options.way()), options)

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
        raise unreadable(location, error) from error


def _lacks_weights(description: Description) -> bool:
    """Whether a model of the cache is there in part: its config was loaded, but not its weights."""
    weights = description.weights
    return description.source == "cache" and not (weights.complete and len(weights.table))


def _touches(model_path: str, changed: str) -> bool:
    return (
        changed == model_path
        or changed.startswith(model_path.rstrip("/") + "/")
        or model_path.startswith(changed.rstrip("/") + "/")
    )
