"""``workspace/executeCommand``: what editors can have done about a model of the Hub."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from model_loupe.domain.errors import LoupeError
from model_loupe.domain.units import format_bytes

if TYPE_CHECKING:
    from model_loupe.inspector import Description, ModelRequest
    from model_loupe.lsp.session import Session

DOWNLOAD = "modelLoupe.download"
OPEN_ON_HUB = "modelLoupe.openOnHub"
CLEAR_CACHE = "modelLoupe.clearCache"
ASK_AGAIN = "modelLoupe.askAgain"

_LOOK_SECONDS = 0.3


async def download(session: Session, node: Any = None, *_: Any) -> None:
    """Begin to download the files that a row's model needs, with progress; its cancel button ends it."""
    request, _options = session.inspector.place_of(_id(node))
    session.want_of_hub([request])
    # Not waited for: an editor waits a minute for an answer, and a download may take hours.
    session.start(_download_described(session, request))


async def _download_described(session: Session, request: ModelRequest) -> None:
    outcome = await session.describe(request)
    try:
        if isinstance(outcome, LoupeError):
            raise outcome
        await _download(session, outcome)
    except LoupeError as error:
        session.client.warn(error.message)


async def _download(session: Session, description: Description) -> None:
    from model_loupe.inspector.downloads import start_download

    model = description.request.model
    download = await session.run(start_download, description)
    total = download.wanted.nbytes
    progress = await session.client.begin_progress(f"Downloading {model}", f"0 of {format_bytes(total)}")
    try:
        while not await session.run(download.wait, _LOOK_SECONDS):
            if progress.cancelled:
                await session.run(download.cancel)
                return
            done = await session.run(lambda: download.nbytes)
            share = 100 * done // max(total, 1)
            progress.report(f"{format_bytes(done)} of {format_bytes(total)}", share)
        await session.run(download.result)
    except asyncio.CancelledError:
        download.cancel()
        raise
    finally:
        # Who sees the end asks anew.
        session.invalidate()
        progress.end()
        session.changed()


async def open_on_hub(session: Session, node: Any = None, *_: Any) -> str | None:
    """Open the page of a row's model; its address if the client cannot be asked to."""
    request, _options = session.inspector.place_of(_id(node))
    page = session.inspector.page_of(request)
    return None if await session.client.show_page(page) else page


def _id(node: Any) -> str:
    """The id of a row, of which an editor's menu gives the whole."""
    found = node.get("id") if isinstance(node, dict) else getattr(node, "id", node)
    return found if isinstance(found, str) else ""


async def clear_cache(session: Session, *_: Any) -> None:
    """Forget what the Hub told and what files told, in memory and on disk."""
    await session.run(session.inspector.clear_cache)
    session.invalidate()
    session.changed()


async def ask_again(session: Session, *_: Any) -> None:
    """Ask the Hub again of what it refused: there is another token."""
    session.inspector.ask_again()
    session.changed()


COMMANDS: dict[str, Callable[..., Awaitable[str | None]]] = {
    DOWNLOAD: download,
    OPEN_ON_HUB: open_on_hub,
    CLEAR_CACHE: clear_cache,
    ASK_AGAIN: ask_again,
}
