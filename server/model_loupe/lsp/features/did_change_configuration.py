"""``workspace/didChangeConfiguration``: settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from model_loupe.lsp import settings

if TYPE_CHECKING:
    from model_loupe.lsp.session import Session


async def did_change_configuration(session: Session, params: types.DidChangeConfigurationParams) -> None:
    """Go by the settings that came, or ask for them where the client only says that they changed."""
    payload: object = params.settings
    if not settings.has_section(payload) and session.client.answers_configuration:
        payload = await session.client.configuration()
    if settings.has_section(payload):
        apply(session, payload)


def apply(session: Session, payload: object) -> None:
    """Resolve and apply a payload; what is not understood keeps its default and is said in the log."""
    parsed = settings.parse(payload)
    for problem in parsed.problems:
        session.client.log(types.MessageType.Warning, f"Setting ignored: {problem}")
    session.apply_settings(parsed.settings)
