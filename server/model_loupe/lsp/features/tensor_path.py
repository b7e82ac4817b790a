"""``modelLoupe/tensorPath``: the rows of the tree that lead to a tensor, as the tree is by now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_loupe.domain.errors import LoupeError
from model_loupe.lsp.features.cast_preview import described
from model_loupe.lsp.protocol import RequestFailed, TensorPathParams

if TYPE_CHECKING:
    from model_loupe.lsp.session import Session


async def tensor_path(session: Session, params: TensorPathParams) -> list[str]:
    """The ids of the rows, the model's first; as far down as there is a way."""
    from model_loupe.inspector.rows import Place
    from model_loupe.inspector.tree_path import path_to

    try:
        description, request, options = await described(session, params.model)
    except LoupeError as error:
        raise RequestFailed(error.message) from None
    # The rows of the first way to build a model do not name its call.
    is_first = session.inspector.is_first_way(request, options)
    place = Place(request) if is_first else Place(request, options=session.inspector.way_of(request, options))
    return await session.run(path_to, place, description, params.tensor)
