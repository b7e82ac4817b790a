"""Descriptions of models on the Hub, remembered for as long as their branch means the same commit."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from model_loupe.domain.errors import LoupeError
from model_loupe.inspector.description import Description
from model_loupe.inspector.outline import outline, unfinished
from model_loupe.inspector.reading import read_description
from model_loupe.sources.hub.files import HubFiles
from model_loupe.sources.locate import Location, ModelRequest, locate_on_hub

if TYPE_CHECKING:
    from model_loupe.sources.hub.hub import Hub

_REMEMBERED = 64
# Before headers that did not come are asked for again.
_RETRY_SECONDS = 15.0


class _Entry:
    """``whole`` is the description of ``commit``; ``outlined`` what was told meanwhile, or instead."""

    __slots__ = ("commit", "failure", "lock", "outlined", "retry_at", "whole")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.commit: str | None = None
        self.whole: Description | None = None
        self.outlined: Description | None = None
        self.failure: LoupeError | None = None
        self.retry_at = 0.0


class Remote:
    """Thread-safe. ``offline`` is why the Hub must not be asked, if it must not."""

    def __init__(self, *, offline: str | None, trees: bool) -> None:
        self._offline = offline
        self._trees = trees
        self._guard = threading.Lock()
        self._hub: Hub | None = None
        self._entries: OrderedDict[ModelRequest, _Entry] = OrderedDict()

    @property
    def hub(self) -> Hub:
        """The Hub, made when first asked."""
        with self._guard:
            if self._hub is None:
                from model_loupe.sources.hub.configured import configured_hub

                self._hub = configured_hub(self._offline)
            return self._hub

    def describe(self, request: ModelRequest, told: Callable[[], None] | None = None) -> Description:
        """What the Hub tells; ``told`` is called once there is an outline to ``peek`` at.

        Where the config came but the headers failed, the outline is the answer, with a warning; raises
        LoupeError where not even that came.
        """
        entry = self._entry(request)
        with entry.lock:
            if entry.failure is not None and entry.outlined is not None and time.monotonic() < entry.retry_at:
                return entry.outlined
            try:
                description = self._describe(entry, request, told)
            except LoupeError as failure:
                entry.failure, entry.whole, entry.outlined = failure, None, None
                raise
            return description

    def _describe(self, entry: _Entry, request: ModelRequest, told: Callable[[], None] | None) -> Description:
        location = locate_on_hub(request, self.hub)
        if entry.whole is not None and entry.commit == location.commit and not location.files.warnings:
            entry.failure = None
            return entry.whole
        entry.outlined = outline(request, location)
        if entry.outlined is not None and told is not None:
            told()
        try:
            whole = self._whole(request, location)
        except LoupeError as failure:
            if entry.outlined is None:
                raise
            entry.whole, entry.outlined = None, unfinished(entry.outlined, failure)
            entry.failure, entry.retry_at = failure, time.monotonic() + (failure.seconds or _RETRY_SECONDS)
            return entry.outlined
        entry.whole, entry.commit, entry.outlined, entry.failure = whole, location.commit, None, None
        return whole

    def _whole(self, request: ModelRequest, location: Location) -> Description:
        # On disk are the bytes that came: whatever is made of them, here or by a later version.
        description = read_description(request, location, disk=False)
        if self._trees:
            description.weights.table.prepare()
        if isinstance(location.files, HubFiles):
            location.files.repository.keep()
        return description

    def peek(self, request: ModelRequest) -> Description | None:
        """What was told last, in whole or in outline; asks nothing."""
        entry = self._entries.get(request)
        return (entry.whole or entry.outlined) if entry else None

    def whole(self, request: ModelRequest) -> Description | None:
        """The whole description if there is one; asks nothing."""
        entry = self._entries.get(request)
        return entry.whole if entry else None

    def failure(self, request: ModelRequest) -> LoupeError | None:
        """Why not all was told when it was asked last."""
        entry = self._entries.get(request)
        return entry.failure if entry else None

    def is_due(self, request: ModelRequest) -> bool:
        """Whether it is time to ask whether the branch still means the same commit."""
        hub = self._hub
        return hub is None or hub.is_due(request.model, request.revision, anonymous=request.token is False)

    def commit_of(self, request: ModelRequest) -> str:
        """The commit that a branch means on the Hub; raises LoupeError."""
        anonymous = request.token is False
        return self.hub.repository(request.model, request.revision, anonymous=anonymous).info.commit

    def files_of(self, request: ModelRequest) -> HubFiles:
        """The files at the commit that a branch means; raises LoupeError."""
        files = locate_on_hub(request, self.hub).files
        assert isinstance(files, HubFiles)
        return files

    def page_of(self, request: ModelRequest) -> str:
        """The address of a model's page on the Hub."""
        from urllib.parse import quote

        page = f"{self.hub.endpoint}/{quote(request.model)}"
        return f"{page}/tree/{quote(request.revision, safe='')}" if request.revision else page

    def forget(self) -> None:
        """Everything is asked again."""
        with self._guard:
            self._entries.clear()
            if self._hub is not None:
                self._hub.forget()

    def close(self) -> None:
        """Ends all requests."""
        if self._hub is not None:
            self._hub.close()

    def _entry(self, request: ModelRequest) -> _Entry:
        with self._guard:
            entry = self._entries.setdefault(request, _Entry())
            self._entries.move_to_end(request)
            while len(self._entries) > _REMEMBERED:
                self._entries.popitem(last=False)
            return entry
