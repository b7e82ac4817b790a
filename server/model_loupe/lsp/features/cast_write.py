"""``modelLoupe/castWrite``: a model's checkpoint written in another dtype, into a folder of its own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from model_loupe.domain.errors import LoupeError
from model_loupe.lsp.features.cast_preview import described
from model_loupe.lsp.protocol import CastWriteParams, RequestFailed

if TYPE_CHECKING:
    from model_loupe.lsp.session import Session


async def cast_write(session: Session, params: CastWriteParams) -> dict[str, Any]:
    """What was written and read back, as ``cast --output --json`` has it; if it fails, there is nothing."""
    try:
        return await _written(session, params)
    except LoupeError as error:
        raise RequestFailed(error.message) from None


async def _written(session: Session, params: CastWriteParams) -> dict[str, Any]:
    if not session.may_start_worker:
        message = "nothing is written: modelLoupe.worker.enabled is false, or the workspace is not trusted"
        raise LoupeError("worker-off", message)
    from model_loupe.domain.casts.targets import target_named
    from model_loupe.inspector import casting
    from model_loupe.lsp.measuring import Report

    target = target_named(params.dtype)
    description, _, _ = await described(session, params.model)
    found = await session.run(casting.preview, description, [target], session.interpreter)
    report = Report(
        session.client, f"Writing {description.request.model} as {target.name}", params.work_done_token
    )
    work = session.measuring.write(found, _folder(session, params.output), report)
    return (await report.until_done(work)).as_json()


def _folder(session: Session, output: str) -> str:
    """A relative folder is meant from the workspace's."""
    path = os.path.expanduser(output)
    folders = session.documents.workspace_folders
    if not folders and not os.path.isabs(path):
        raise LoupeError(
            "relative-folder", f"{output} is relative, and no folder is open: give its whole path"
        )
    return path if os.path.isabs(path) else os.path.join(folders[0], path)
