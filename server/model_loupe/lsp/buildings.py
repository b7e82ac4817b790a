"""What the code of this session builds: asked of the worker in the background, shown when it is there."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from model_loupe.inspector import Description, LoadOptions, ModelRequest
    from model_loupe.inspector.builder import Builder

    Key = tuple[ModelRequest, LoadOptions]

logger = logging.getLogger(__name__)


class Buildings:
    """The one line to the worker, with a thread of its own: it may take seconds to answer.

    ``changed`` is called, in that thread, when there is something new to show.
    """

    def __init__(self, builder: Builder, changed: Callable[[], None]) -> None:
        self.builder = builder
        self._changed = changed
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="build")
        self._pending: set[Key] = set()
        self._lock = threading.Lock()
        self._is_warm = False

    def view(self, description: Description, options: LoadOptions) -> Description:
        """``description`` with what ``options`` build, if that is known; if not, it is asked for."""
        self.want(description, options)
        return self.builder.view(description, options)

    def want(self, description: Description, options: LoadOptions) -> None:
        """Have it built, unless it is, or cannot be."""
        key = (description.request, options)
        with self._lock:
            if key in self._pending or not self.builder.wants(description, options):
                return
            self._pending.add(key)
        self._submit(self._build, description, options)

    def build(self, description: Description, options: LoadOptions) -> Future[Description]:
        """What ``options`` build, when it is known, or why it is not."""
        return self._pool.submit(self.builder.build_wholly, description, options)

    def tokens(self, description: Description, text: str) -> Future[dict[str, Any]]:
        """How the model's tokenizer splits ``text``."""
        return self._pool.submit(self.builder.tokens, description, text)

    def tokenizer(self, description: Description) -> Future[dict[str, Any]]:
        """What the model's tokenizer says of itself."""
        return self._pool.submit(self.builder.tokenizer, description)

    def warm_up(self) -> None:
        """The first reference was seen: the libraries are imported before somebody waits for them."""
        if not self._is_warm:
            self._is_warm = True
            self._submit(self.builder.warm_up)

    def close(self) -> None:
        """Ends the worker; whoever waits for it is told so."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self.builder.worker.stop()

    def _submit(self, work: Callable[..., None], *arguments: object) -> None:
        try:
            self._pool.submit(self._guarded, work, *arguments)
        except RuntimeError:  # closed meanwhile
            return

    def _guarded(self, work: Callable[..., None], *arguments: object) -> None:
        try:
            work(*arguments)
        except Exception:
            logger.exception("the worker's answer was not understood")

    def _build(self, description: Description, options: LoadOptions) -> None:
        before = self.builder.view(description, options)
        try:
            after = self.builder.build(description, options)
        finally:
            with self._lock:
                self._pending.discard((description.request, options))
        if after.built or after.not_built != before.not_built:
            self._changed()
        # Large checkpoints are joined with what is built in a second step.
        self.want(description, options)
