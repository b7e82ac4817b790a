"""``modelLoupe/castPreview``: what casts make of a model's weights, as it becomes known."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any

from model_loupe.domain.errors import LoupeError
from model_loupe.domain.units import format_bytes
from model_loupe.lsp.protocol import CastPreviewParams, RequestFailed

if TYPE_CHECKING:
    from model_loupe.inspector import LoadOptions, ModelRequest
    from model_loupe.inspector.cast_preview import CastPreview
    from model_loupe.inspector.casting import Progress
    from model_loupe.lsp.session import Session

_SECONDS_BETWEEN = 0.25
# To sum up the figures of 100,000 tensors takes a while: at most this share of the time is spent so.
_SHARE_OF_TIME = 0.2
_NOT_STARTED = LoupeError(
    "worker-off", "values are not read: modelLoupe.worker.enabled is false, or the workspace is not trusted"
)


async def cast_preview(session: Session, params: CastPreviewParams) -> dict[str, Any]:
    """The whole preview; the plan, and figures as they come, are sent as partial results."""
    try:
        preview = await _planned(session, params)
    except LoupeError as error:
        raise RequestFailed(error.message) from None
    if params.plan:
        return await session.run(preview.to_json)
    if not session.may_start_worker:
        preview.found.give_up(_NOT_STARTED)
        return await session.run(preview.to_json)
    if params.partial_result_token is not None:
        session.client.partial(params.partial_result_token, await session.run(preview.to_json))
    await _measured(session, params, preview)
    return await session.run(preview.to_json)


async def _planned(session: Session, params: CastPreviewParams) -> CastPreview:
    """Plans alone; raises LoupeError."""
    request, options = await session.run(_meant, session, params.model)
    session.want_of_hub([request])
    outcome = await session.describe_as(request, options)
    if isinstance(outcome, LoupeError):
        raise outcome
    from model_loupe.inspector.cast_preview import CastPreview, Wish
    from model_loupe.inspector.rows import Place

    settings = session.settings
    wish = Wish(
        params.dtypes,
        params.scope,
        params.exact,
        params.tensors,
        settings.devices,
        settings.wanted,
        session.interpreter if session.may_start_worker else "",
    )
    return await session.run(CastPreview, outcome, Place(request, options=options), options, wish)


def _meant(session: Session, model: str) -> tuple[ModelRequest, LoadOptions]:
    """The model of a row's id, or of a name as code has it."""
    if model.startswith("{"):
        with contextlib.suppress(LoupeError):
            return session.inspector.place_of(model)
    from model_loupe.lsp.requests import ask_by_name

    asked = ask_by_name(model, session.documents.workspace_folders)
    return asked.request, asked.options


async def _measured(session: Session, params: CastPreviewParams, preview: CastPreview) -> None:
    """Waits for the figures. Who cancels the request ends the measurement."""
    from model_loupe.inspector.worker_process import Cancelled

    cancelled = threading.Event()
    report = _Report(session, params, preview)
    work = session.measuring.measure(preview.found, cancelled, report.progressed)
    try:
        await asyncio.wrap_future(work)
    except LoupeError as why:
        preview.found.give_up(why)
    except (asyncio.CancelledError, Cancelled):
        cancelled.set()
        raise
    finally:
        report.end()


class _Report:
    """Tells the client how far a measurement is, a few times a second."""

    def __init__(self, session: Session, params: CastPreviewParams, preview: CastPreview) -> None:
        self._loop = asyncio.get_running_loop()
        self._client = session.client
        self._token = params.partial_result_token
        self._preview = preview
        self._next = 0.0
        self._ended = False
        self._shown = session.client.begin_reporting(params.work_done_token, "Casts")

    def progressed(self, progress: Progress) -> None:
        """Called in the measuring thread."""
        began = time.monotonic()
        if began < self._next:
            return
        answer = self._preview.to_json() if self._token is not None else None
        took = time.monotonic() - began
        self._next = began + max(_SECONDS_BETWEEN, took / _SHARE_OF_TIME)
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._send, progress, answer)

    def _send(self, progress: Progress, answer: dict[str, Any] | None) -> None:
        if self._ended:
            return
        message = f"{format_bytes(progress.done)} of {format_bytes(progress.total)}"
        self._shown.report(message, 100 * progress.done // max(progress.total, 1))
        if self._token is not None and answer is not None:
            self._client.partial(self._token, answer)

    def end(self) -> None:
        """Nothing is told after this."""
        self._ended = True
        self._shown.end()
