"""``textDocument/definition``: from a part of a model to its class in the user's transformers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from model_loupe.domain.errors import LoupeError
from model_loupe.lsp.features.hover import look_for_object
from model_loupe.lsp.uris import to_uri

if TYPE_CHECKING:
    from model_loupe.lsp.session import Session


async def definition(session: Session, params: types.DefinitionParams) -> types.Location | None:
    """Where the class of ``model``, ``model.layers[3].mlp`` … is defined; None where that is not known."""
    uri = params.text_document.uri
    snapshot = session.documents.snapshot(uri)
    index = snapshot.index(uri) if snapshot else None
    if snapshot is None or index is None or not session.settings.worker:
        return None
    place = session.encoding.to_place(snapshot.parts[index].lines, params.position)
    found = await session.run(look_for_object, snapshot, index, *place)
    if found is None or found[0].kind != "model":
        return None
    thing, ask = found
    outcome = await session.describe(ask.request)
    if isinstance(outcome, LoupeError):
        return None
    view = await session.built(outcome, ask.options)
    from model_loupe.inspector import source_of

    source = source_of(view.built, thing.parts) if view.built else None
    if source is None or source.file is None or not session.is_current(snapshot):
        return None
    start = types.Position((source.line or 1) - 1, 0)
    return types.Location(to_uri(source.file), types.Range(start, start))
