"""What the features ask: the open documents, the settings, the inspector, the workspace's files.

The event loop's thread owns everything here; only blocking work (reading checkpoints, parsing, scanning)
leaves it, for a small pool of threads, with immutable values in and out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from model_loupe.domain.errors import LoupeError
from model_loupe.lsp.client import Client
from model_loupe.lsp.open_documents import OpenDocuments
from model_loupe.lsp.positions import PositionEncoding
from model_loupe.lsp.settings import Settings
from model_loupe.lsp.uris import real_path
from model_loupe.lsp.workspace_scan import WorkspaceScan

if TYPE_CHECKING:
    from model_loupe.inspector import Description, Inspector, LoadOptions, ModelRequest
    from model_loupe.lsp.buildings import Buildings
    from model_loupe.lsp.measuring import Measuring
    from model_loupe.lsp.snapshot import Snapshot

    Outcome = Description | LoupeError

logger = logging.getLogger(__name__)

T = TypeVar("T")

# One thread for the disk that answers and some for those that do not (a sleeping disk, a network mount).
_WORKERS = 4
# Models that the Hub is asked about at once; each may take the time that the network takes.
_ASKERS = 4
# Files come in bursts (a download, a checkout): speak once, when it is over.
_SETTLE_SECONDS = 0.1
# The first time torch has to be imported; nobody rests a mouse for longer.
_TOKENS_SECONDS = 10.0
_TOKENIZER_SECONDS = 2.0
# Of some kilobytes each.
_CARDS = 32
_MAX_WANTED = 1000


class Session:
    """The state of one editor's session with the server, from ``initialize`` to ``exit``."""

    def __init__(self, client: Client, encoding: PositionEncoding, settings: Settings) -> None:
        self.client = client
        self.encoding = encoding
        self.settings = settings
        self.trusted = True
        self.documents = OpenDocuments(encoding)
        self.workspace_scan = WorkspaceScan()
        self.on_change: list[Callable[[], None]] = []
        self.on_document: list[Callable[[str], None]] = []
        self.setting_problems: list[str] = []
        self.published: dict[str, set[str]] = {}
        self.mentioned: dict[str, frozenset[tuple[str, ModelRequest]]] = {}
        self._inspector: Inspector | None = None
        self._buildings: Buildings | None = None
        self._measuring: Measuring | None = None
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="inspect")
        self._askers = ThreadPoolExecutor(_ASKERS, thread_name_prefix="ask")
        self._scanner = ThreadPoolExecutor(1, thread_name_prefix="scan")
        self._scan_wanted = False
        self._descriptions: dict[ModelRequest, asyncio.Task[Outcome]] = {}
        self._wanted_of_hub: set[ModelRequest] = set()
        self._answers: dict[ModelRequest, asyncio.Task[Outcome]] = {}
        self._cards: dict[tuple[str, LoadOptions], tuple[Description, str]] = {}
        self._last_told: dict[ModelRequest, str] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._busy: set[Future[Any]] = set()

    # Threads and tasks

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """The result of blocking ``work``, from a worker thread. Cancelling the wait drops the result."""
        return await self._run_in(self._pool, work, *arguments)

    async def _run_in(self, pool: ThreadPoolExecutor, work: Callable[..., T], *arguments: Any) -> T:
        future = pool.submit(work, *arguments)
        self._busy.add(future)
        future.add_done_callback(self._busy.discard)
        return await asyncio.wrap_future(future)

    def start(self, work: Coroutine[Any, Any, object]) -> None:
        """Run ``work`` in the background; a failure goes to the log."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            logger.error("background work failed", exc_info=error)

    def later(self, key: str, seconds: float, action: Callable[[], None]) -> None:
        """Call ``action`` once it has not been asked for under ``key`` for ``seconds``."""

        def fire() -> None:
            del self._timers[key]
            action()

        if key in self._timers:
            self._timers[key].cancel()
        self._timers[key] = asyncio.get_running_loop().call_later(seconds, fire)

    def close(self) -> bool:
        """Stop all work; whether a thread is still busy (then it may be stuck in a read that never ends)."""
        self.workspace_scan.stop()
        self._close_workers()
        for timer in self._timers.values():
            timer.cancel()
        if self._inspector is not None:
            self._inspector.close()
        for pool in (self._pool, self._askers, self._scanner):
            pool.shutdown(wait=False, cancel_futures=True)
        return any(future.running() for future in tuple(self._busy))

    # Models

    @property
    def inspector(self) -> Inspector:
        """The inspector, made when first asked for: it is not needed to start."""
        if self._inspector is None:
            from model_loupe.inspector import Inspector

            builder = self.buildings.builder if self.settings.worker else None
            self._inspector = Inspector(offline=self.settings.why_offline, disk=True, builder=builder)
            self._inspector.wanted = self.settings.wanted
        return self._inspector

    @property
    def interpreter(self) -> str:
        """The one whose transformers is asked: the settings', else the server's own."""
        return os.path.expanduser(self.settings.interpreter) or sys.executable

    @property
    def library_folders(self) -> tuple[str, ...]:
        """Where the libraries of the user's code lie. Another interpreter than the server's is asked once."""
        from model_loupe.inspector.environment import path_of

        return path_of(self.consulted)

    @property
    def transformers(self) -> str | None:
        """The version that runs the user's code."""
        from model_loupe.inspector.environment import installed_version

        return installed_version("transformers", self.consulted)

    @property
    def consulted(self) -> str:
        """The interpreter asked what is installed: the server's own where the user's may not be run."""
        return self.interpreter if self.may_start_worker else sys.executable

    @property
    def may_start_worker(self) -> bool:
        """Whether the user's interpreter may be run: never in a workspace that is not trusted."""
        return self.settings.worker and self.trusted

    @property
    def buildings(self) -> Buildings:
        """What the code builds, by the interpreter of the settings, else by the server's own."""
        if self._buildings is None:
            from model_loupe.inspector import user_store
            from model_loupe.inspector.builder import Builder
            from model_loupe.inspector.worker_process import Worker
            from model_loupe.lsp.buildings import Buildings

            builder = Builder(Worker(self.interpreter), user_store())
            builder.devices = dict(self.settings.devices)
            loop = asyncio.get_running_loop()
            self._buildings = Buildings(builder, lambda: _tell_loop(loop, self.changed))
        return self._buildings

    @property
    def measuring(self) -> Measuring:
        """What measures casts: workers of its own, so that nobody else waits for minutes."""
        if self._measuring is None:
            from model_loupe.lsp.measuring import Measuring

            self._measuring = Measuring(self.interpreter)
        return self._measuring

    def view(self, description: Description, options: LoadOptions) -> Description:
        """``description`` with what a call with ``options`` builds; if not known yet, ``on_change`` tells."""
        return self.buildings.view(description, options) if self.settings.worker else description

    async def describe_as(self, request: ModelRequest, options: LoadOptions) -> Outcome:
        """``describe``, with what a call with ``options`` builds as far as that is known."""
        outcome = await self.describe(request)
        return outcome if isinstance(outcome, LoupeError) else self.view(outcome, options)

    async def built(self, description: Description, options: LoadOptions) -> Description:
        """As ``view``, but waits until it is known, or why it is not."""
        if not self.settings.worker:
            return description
        return await asyncio.wrap_future(self.buildings.build(description, options))

    async def tokens(self, description: Description, text: str) -> dict[str, Any] | None:
        """How the model's tokenizer splits ``text``; None where that cannot be told in a few seconds."""
        ask = self.buildings.tokens if self.settings.worker else None
        return await self._of_tokenizer(_TOKENS_SECONDS, ask, description, text)

    async def tokenizer(self, description: Description) -> dict[str, Any] | None:
        """What the model's tokenizer says of itself; None where that cannot be told soon: its files can."""
        ask = self.buildings.tokenizer if self.settings.worker else None
        return await self._of_tokenizer(_TOKENIZER_SECONDS, ask, description)

    async def _of_tokenizer(
        self,
        seconds: float,
        ask: Callable[..., Future[dict[str, Any]]] | None,
        description: Description,
        *more: str,
    ) -> dict[str, Any] | None:
        if ask is None or description.tokenizer is None or description.source == "hub":
            return None
        try:
            return await asyncio.wait_for(asyncio.wrap_future(ask(description, *more)), seconds)
        except (LoupeError, TimeoutError):
            return None

    def card(self, description: Description, options: LoadOptions, requested: str) -> str:
        """The card of a model, as ``inspector.markdown`` has it; the last ones are kept."""
        known = self._cards.get((requested, options))
        if known is not None and known[0] is description:
            return known[1]
        from model_loupe.inspector import card

        text = card(description, options, requested=requested, wanted=self.settings.wanted)
        if len(self._cards) >= _CARDS:
            self._cards.clear()
        self._cards[requested, options] = description, text
        return text

    def want_of_hub(self, requests: Iterable[ModelRequest]) -> None:
        """From now on the Hub may be asked for these models, where this machine does not have them.

        That is for what somebody looks at or what stands in a document at rest, never for what is half typed.
        """
        if not self.trusted:
            return
        if len(self._wanted_of_hub) > _MAX_WANTED:
            self._wanted_of_hub.clear()
        self._wanted_of_hub.update(requests)

    async def describe(self, request: ModelRequest) -> Outcome:
        """What ``request`` names, or why that cannot be told. Askers at the same time share the work."""
        here = await self._shared(self._descriptions, request, self._describe)
        if self._asks_hub(request, here):
            return await self._shared(self._answers, request, lambda _: self._ask_hub(request, here))
        if not isinstance(here, LoupeError):
            self.renew(request, here)
        return here

    def renew(self, request: ModelRequest, known: Description) -> None:
        """Have the Hub asked in the background, if that is due, what a model's branch means by now."""
        if request in self._wanted_of_hub and self.inspector.is_due(request, known):
            self.start(self._shared(self._answers, request, lambda _: self._renew(request, known)))

    async def _renew(self, request: ModelRequest, known: Description) -> Outcome:
        return await self._outcome(self._askers, request, self.inspector.renew, request, known)

    def _asks_hub(self, request: ModelRequest, here: Outcome) -> bool:
        return request in self._wanted_of_hub and self.inspector.may_ask_hub(request, here)

    async def _shared(
        self,
        tasks: dict[ModelRequest, asyncio.Task[Outcome]],
        request: ModelRequest,
        work: Callable[[ModelRequest], Coroutine[Any, Any, Outcome]],
    ) -> Outcome:
        task = tasks.get(request)
        if task is None:
            task = asyncio.get_running_loop().create_task(work(request))
            tasks[request] = task
            task.add_done_callback(lambda done: self._described(tasks, request, done))
        return await asyncio.shield(task)

    async def describe_within(self, request: ModelRequest, seconds: float) -> Outcome | None:
        """As ``describe``, or what is known in part after so many seconds; None if that is nothing yet."""
        return (await self.describe_all([request], seconds)).get(request)

    async def describe_all(
        self, requests: Iterable[ModelRequest], seconds: float | None
    ) -> dict[ModelRequest, Outcome]:
        """What ``requests`` name, as far as known within ``seconds``; ``on_change`` tells of the rest."""
        waits = {
            request: asyncio.ensure_future(self.describe(request)) for request in dict.fromkeys(requests)
        }
        if not waits:
            return {}
        try:
            await asyncio.wait(waits.values(), timeout=seconds)
        finally:
            for wait in waits.values():
                wait.cancel()  # the wait alone: the work goes on
        outcomes: dict[ModelRequest, Outcome] = {}
        for request, wait in waits.items():
            if wait.done() and not wait.cancelled():
                outcomes[request] = wait.result()
            elif (known := self.inspector.peek(request)) is not None:
                outcomes[request] = known
        return outcomes

    def describe_in_background(self, requests: Iterable[ModelRequest]) -> None:
        """Have ``requests`` described; ``on_change`` tells when there is something to show for it."""
        self.start(self._describe_each(tuple(requests)))

    async def _describe_each(self, requests: tuple[ModelRequest, ...]) -> None:
        # One after another: a hover that comes meanwhile finds a free thread.
        for request in requests:
            await self.describe(request)

    async def _describe(self, request: ModelRequest) -> Outcome:
        return await self._outcome(self._pool, request, self.inspector.describe, request)

    async def _ask_hub(self, request: ModelRequest, here: Outcome) -> Outcome:
        loop = asyncio.get_running_loop()

        def told() -> None:
            loop.call_soon_threadsafe(self.changed)

        outcome = await self._outcome(self._askers, request, self.inspector.ask_hub, request, here, told)
        seconds = self.inspector.retry_after(request)
        if seconds is not None:
            # The Hub has said when it will answer.
            self.later(f"ask {request}", seconds, lambda: self.describe_in_background([request]))
        return outcome

    async def _outcome(
        self, pool: ThreadPoolExecutor, request: ModelRequest, work: Callable[..., Outcome], *arguments: Any
    ) -> Outcome:
        try:
            return await self._run_in(pool, work, *arguments)
        except LoupeError as error:
            return error
        except Exception:
            logger.exception("cannot describe %r", request.model)
            message = f"{request.model}: Model Loupe failed on this model, see its log"
            return LoupeError("internal-error", message)

    def _described(
        self,
        tasks: dict[ModelRequest, asyncio.Task[Outcome]],
        request: ModelRequest,
        task: asyncio.Task[Outcome],
    ) -> None:
        if tasks.get(request) is task:
            del tasks[request]
        if task.cancelled():
            return
        # Told by what it says, not by identity: the inspector may forget and describe again, and each answer
        # that seems new makes editors ask again.
        outcome = task.result()
        if (
            tasks is self._descriptions
            and isinstance(outcome, LoupeError)
            and self._asks_hub(request, outcome)
        ):
            return  # the Hub will have the last word
        told = _gist(outcome)
        if self._last_told.get(request) != told:
            self._last_told[request] = told
            self.changed()

    # Changes

    def changed(self) -> None:
        """Models may have changed: tell ``on_change`` when things have settled."""
        self.later("changed", _SETTLE_SECONDS, lambda: self._tell(self.on_change))

    def document_changed(self, uri: str) -> None:
        """A document was opened, edited or closed: tell ``on_document``, and all if others import it."""
        path = real_path(uri)
        if path and path.endswith(".py") and self.documents.forget_dependents(path):
            self.changed()
        self._tell(self.on_document, uri)

    def _tell(self, listeners: list[Callable[..., None]], *arguments: str) -> None:
        for listener in listeners:
            try:
                listener(*arguments)
            except Exception:  # one broken listener must not silence the others
                logger.exception("%s failed", getattr(listener, "__qualname__", listener))

    def invalidate(self, path: str | None = None) -> None:
        """A file changed (None: any may have): what was read of it is not true any more."""
        if self._inspector is not None:
            self._inspector.invalidate(path)
        # Work under way may have read the old file; who asks from now on gets new work.
        self._descriptions.clear()

    def apply_settings(self, settings: Settings) -> None:
        """Go by other settings."""
        if settings == self.settings:
            return
        was = self.settings
        if (settings.worker, settings.interpreter, settings.devices) != (
            was.worker,
            was.interpreter,
            was.devices,
        ):
            self._close_workers()
            self._forget_inspector()
        elif settings.offline != was.offline:
            self._forget_inspector()
        elif self._inspector is not None:
            self._inspector.wanted = settings.wanted
        self.settings = settings
        self._cards.clear()
        self.changed()

    def _close_workers(self) -> None:
        for owner in (self._buildings, self._measuring):
            if owner is not None:
                owner.close()
        self._buildings = self._measuring = None

    def _forget_inspector(self) -> None:
        if self._inspector is not None:
            self._inspector.close()
        self._inspector = None
        self._descriptions.clear()
        self._answers.clear()

    def set_workspace_folders(self, folders: Iterable[str]) -> None:
        """The folders of the workspace are these."""
        self.documents.workspace_folders = tuple(folders)
        self.documents.forget_snapshots()
        self.scan_workspace()

    def scan_workspace(self) -> None:
        """Look through the workspace's files in the background, and tell the client of anything new."""
        if self._scan_wanted:
            return
        self._scan_wanted = True
        self.start(self._scan())

    async def _scan(self) -> None:
        # One scan at a time; wishes that come while one waits are one wish.
        if await self._run_in(self._scanner, self._scan_now, self.documents.workspace_folders):
            self.client.models_changed()

    def _scan_now(self, folders: tuple[str, ...]) -> bool:
        self._scan_wanted = False
        return self.workspace_scan.scan(folders)

    def is_current(self, snapshot: Snapshot) -> bool:
        """Whether the document still is what ``snapshot`` shows."""
        return self.documents.snapshot(snapshot.uri) is snapshot


def _tell_loop(loop: asyncio.AbstractEventLoop, action: Callable[[], None]) -> None:
    """Calls ``action`` in the event loop's thread; not any more once that has ended."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(action)


def _gist(outcome: Outcome) -> str:
    if isinstance(outcome, LoupeError):
        return f"{outcome.code}: {outcome.message}"
    from model_loupe.inspector import LoadOptions, summary

    warnings = "; ".join(f"{warning.code}: {warning.message}" for warning in outcome.warnings)
    return f"{summary(outcome, LoadOptions())} {warnings}"
