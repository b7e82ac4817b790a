"""``modelLoupe/values``: how large the values of a model are, from a sample of each tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from model_loupe.domain.errors import LoupeError
from model_loupe.lsp.features.asked_model import described
from model_loupe.lsp.features.cast_preview import NOT_STARTED
from model_loupe.lsp.protocol import ChildrenParams, RequestFailed

if TYPE_CHECKING:
    from model_loupe.lsp.session import Session


async def values(session: Session, params: ChildrenParams) -> dict[str, Any]:
    """The ``numerics`` of a cast to float16, as ``castPreview`` has them; fails with the reason, if any."""
    description, _ = await described(session, params.node)
    if not session.may_start_worker:
        raise RequestFailed(NOT_STARTED.message)
    from model_loupe.inspector.values import numerics, planned
    from model_loupe.lsp.measuring import Report

    try:
        found = await session.run(planned, description, session.interpreter)
        told = Report(session.client, "Values", None)
        await told.until_done(session.measuring.values(found, told))
        return await session.run(numerics, found)
    except LoupeError as why:
        raise RequestFailed(why.message) from None
