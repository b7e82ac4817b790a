"""``modelLoupe/export``: a model as text to paste elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from model_loupe.lsp.features.asked_model import described
from model_loupe.lsp.protocol import ExportParams, InvalidParams

if TYPE_CHECKING:
    from model_loupe.lsp.session import Session


async def export(session: Session, params: ExportParams) -> dict[str, Any]:
    """``{"text"}``: as ``inspect`` prints it, the card, or ``inspect --json``."""
    from model_loupe.inspector import export

    if params.format not in export.FORMATS:
        raise InvalidParams(f"format is one of {', '.join(export.FORMATS)}")
    description, options = await described(session, params.node)
    wanted = session.settings.wanted
    return {"text": await session.run(export.export, description, options, params.format, wanted)}
