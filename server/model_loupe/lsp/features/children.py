"""``modelLoupe/children``: what is inside a node of the tree, a page at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from model_loupe.domain.errors import LoupeError
from model_loupe.lsp.protocol import ChildrenParams, InvalidParams

if TYPE_CHECKING:
    from model_loupe.lsp.session import Session


# After it the rows are those that are known by then; more come with ``modelLoupe/didChange``.
_PATIENCE_SECONDS = 5.0


async def children(session: Session, params: ChildrenParams) -> list[dict[str, Any]]:
    """The children. A model that cannot be read is one row that says why; an id that is none is an error."""
    try:
        request, _ = session.inspector.place_of(params.node)
        # Somebody opened it: now the Hub may be asked.
        session.want_of_hub([request])
        await session.describe_within(request, _PATIENCE_SECONDS)
        by_size = params.sort == "size"
        rows = await session.run(session.inspector.children, params.node, params.query, by_size)
        for description, options in session.inspector.asked(params.node):
            session.view(description, options)
        return [node._asdict() for node in rows]
    except LoupeError as error:
        if error.code == "bad-node":
            raise InvalidParams(error.message) from None
        return [_error_row(params.node, error)]


def _error_row(node: str, error: LoupeError) -> dict[str, Any]:
    return {
        "id": f"{node}#{error.code}",
        "label": error.message,
        "description": "",
        "tooltip": f"{error.message} ({error.code})",
        "icon": "error",
        "collapsible": False,
        "contextValue": "error",
    }
