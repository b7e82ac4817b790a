"""``modelLoupe/printModel``: what ``print(model)`` writes, without loading the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from model_loupe.domain.errors import LoupeError
from model_loupe.lsp.protocol import ChildrenParams, InvalidParams

if TYPE_CHECKING:
    from model_loupe.lsp.session import Session


async def print_model(session: Session, params: ChildrenParams) -> dict[str, Any]:
    """``{"title", "text"}`` of what the call behind a tree's row builds; else the text says why not."""
    try:
        request, options = await session.run(session.inspector.place_of, params.node)
    except LoupeError as error:
        raise InvalidParams(error.message) from None
    outcome = await session.describe(request)
    if isinstance(outcome, LoupeError):
        return {"title": request.model, "text": outcome.message}
    view = await session.built(outcome, options)
    if view.built:
        return {"title": f"{view.built.class_name} · {request.model}", "text": view.built.text}
    why = view.not_built.message if view.not_built else "there is nothing here that transformers would build"
    return {"title": request.model, "text": why}
