"""``modelLoupe/sizes``: where the bytes of a model are, for a treemap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from model_loupe.lsp.features.asked_model import described
from model_loupe.lsp.protocol import ChildrenParams, RequestFailed

if TYPE_CHECKING:
    from model_loupe.lsp.session import Session


async def sizes(session: Session, params: ChildrenParams) -> dict[str, Any]:
    """The areas as objects inside of each other, with the fields of ``inspector.sizes.Area``."""
    from model_loupe.inspector.sizes import sizes

    description, _ = await described(session, params.node)
    table = description.weights.table
    if not len(table):
        raise RequestFailed(f"{description.request.model} has no weights here whose sizes could be shown")
    return await session.run(lambda: _object(sizes(table, description.request.model)))


def _object(area: Any) -> dict[str, Any]:
    return {**area._asdict(), "children": [_object(child) for child in area.children]}
