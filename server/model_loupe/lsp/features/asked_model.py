"""The model that a request of ours is about: described, with what its call builds, or one line why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_loupe.domain.errors import LoupeError
from model_loupe.lsp.protocol import InvalidParams, RequestFailed

if TYPE_CHECKING:
    from model_loupe.inspector import Description, LoadOptions
    from model_loupe.lsp.session import Session


async def described(session: Session, node: str) -> tuple[Description, LoadOptions]:
    """The model of a row; waits for the Hub.

    Raises ``InvalidParams`` for what is no row, and ``RequestFailed`` for a model that cannot be described.
    """
    try:
        request, options = await session.run(session.inspector.place_of, node)
    except LoupeError as error:
        raise InvalidParams(error.message) from None
    session.want_of_hub([request])
    outcome = await session.describe_as(request, options)
    if isinstance(outcome, LoupeError):
        raise RequestFailed(outcome.message)
    return outcome, options
