"""``modelLoupe/castPreview``: what casts make of a model's weights, as it becomes known."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any

from model_loupe.domain.errors import LoupeError
from model_loupe.lsp.protocol import CastPreviewParams, RequestFailed

if TYPE_CHECKING:
    from model_loupe.inspector import Description, Inspector, LoadOptions, ModelRequest
    from model_loupe.inspector.cast_preview import CastPreview
    from model_loupe.lsp.session import Session

NOT_STARTED = LoupeError(
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
        preview.found.give_up(NOT_STARTED)
        return await session.run(preview.to_json)
    if params.partial_result_token is not None:
        session.client.partial(params.partial_result_token, await session.run(preview.to_json))
    try:
        await _measured(session, params, preview)
    except LoupeError as why:
        preview.found.give_up(why)
    return await session.run(preview.to_json)


async def _measured(session: Session, params: CastPreviewParams, preview: CastPreview) -> None:
    """Fills the preview, or says why not; raises LoupeError."""
    from model_loupe.lsp.measuring import Report

    def report() -> Report:
        token = params.partial_result_token
        return Report(session.client, "Casts", params.work_done_token, token, preview.to_json)

    found = preview.found
    if found.description.source != "hub" or found.exact:
        told = report()
        await told.until_done(session.measuring.measure(found, told))
        return
    from model_loupe.inspector.cast_remote import RemoteSample

    sample = await session.run(RemoteSample, found, session.interpreter)
    if found.complete:
        return
    if not params.spend:
        raise sample.offer
    files = await session.run(session.inspector.files_on_hub, found.description.request)
    told = report()
    await told.until_done(session.measuring.sample(partial(sample.measure, files), told))


async def _planned(session: Session, params: CastPreviewParams) -> CastPreview:
    """Plans alone; raises LoupeError."""
    description, _, options = await described(session, params.model)
    from model_loupe.inspector.cast_preview import CastPreview, Wish

    wish = Wish(
        params.dtypes,
        params.scope,
        params.exact,
        params.tensors,
        session.settings.devices,
        session.settings.wanted,
        session.interpreter if session.may_start_worker else "",
    )
    return await session.run(CastPreview, description, options, wish)


async def described(session: Session, model: str) -> tuple[Description, ModelRequest, LoadOptions]:
    """The model of a row's id, or of a name as code has it; raises LoupeError."""
    request, options = await session.run(
        _meant, session.inspector, session.documents.workspace_folders, model
    )
    session.want_of_hub([request])
    outcome = await session.describe_as(request, options)
    if isinstance(outcome, LoupeError):
        raise outcome
    return outcome, request, options


def _meant(inspector: Inspector, folders: tuple[str, ...], model: str) -> tuple[ModelRequest, LoadOptions]:
    if model.startswith("{"):
        with contextlib.suppress(LoupeError):
            return inspector.place_of(model)
    from model_loupe.lsp.requests import ask_by_name

    asked = ask_by_name(model, folders)
    return asked.request, asked.options
