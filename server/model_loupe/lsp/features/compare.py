"""``modelLoupe/compare``: two models side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from model_loupe.lsp.features.asked_model import described
from model_loupe.lsp.protocol import CompareParams

if TYPE_CHECKING:
    from model_loupe.lsp.session import Session


async def compare(session: Session, params: CompareParams) -> dict[str, Any]:
    """``{"title", "text"}``, the text as Markdown."""
    from model_loupe.inspector.comparison import Side, comparison

    one = Side(*await described(session, params.node))
    other = Side(*await described(session, params.other))
    text = await session.run(comparison, one, other)
    names = [side.description.request.model for side in (one, other)]
    return {"title": " ↔ ".join(names), "text": text}
