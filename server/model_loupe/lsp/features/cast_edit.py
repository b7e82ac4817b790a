"""``modelLoupe/castEdit``: the edit that has a call load its model in another format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from model_loupe.domain.errors import LoupeError
from model_loupe.lsp.edits import changed_lines, text_of, workspace_edit
from model_loupe.lsp.protocol import CastEditParams, ContentModified, RequestFailed

if TYPE_CHECKING:
    from model_loupe.documents.edits import Edit
    from model_loupe.domain.casts.targets import Target
    from model_loupe.inspector import Description
    from model_loupe.lsp.requests import Ask
    from model_loupe.lsp.session import Session
    from model_loupe.lsp.snapshot import Call, Snapshot


# For whether the checkpoint is quantised; without an answer the edit is for one that is not.
_PATIENCE_SECONDS = 2.0


async def cast_edit(session: Session, params: CastEditParams) -> dict[str, Any]:
    """``{"title", "edit", "lines"}``; what cannot be done is an error that says why."""
    snapshot = session.documents.snapshot(params.uri)
    index = snapshot.index(params.uri) if snapshot else None
    if snapshot is None or index is None:
        raise RequestFailed("the document is not open")
    place = session.encoding.to_place(snapshot.parts[index].lines, params.position)
    try:
        call = await session.run(call_at, snapshot, index, *place)
        if call is None:
            raise LoupeError("no-call", "no call stands here that loads a model")
        if call.ask:
            await session.describe_within(call.ask.request, _PATIENCE_SECONDS)
        target, edits = await session.run(_edits, session, snapshot, call, params.dtype)
    except LoupeError as error:
        raise RequestFailed(error.message) from None
    if not session.is_current(snapshot):
        raise ContentModified
    return {
        "title": f"Load {call.reference.model or 'the model'} as {target.name}",
        "edit": workspace_edit(session.encoding, snapshot, edits),
        "lines": changed_lines(snapshot, edits),
    }


def call_at(snapshot: Snapshot, index: int, line: int, column: int) -> Call | None:
    """The loading call around a place, or that of the model which is cast there. Slow the first time."""
    calls = snapshot.calls()
    here = index if snapshot.is_notebook else None
    found = [
        (cast.call, cast.reference)
        for cast in snapshot.casts()
        if cast.method and cast.cell == here and cast.call.contains(line, column)
    ]
    found += [
        (call.reference.call, call.reference)
        for call in calls
        if call.reference.cell == here and call.reference.call.contains(line, column)
    ]
    if not found:
        return None
    # Of calls inside of each other the innermost.
    _, meant = max(found, key=lambda each: (each[0][:2], [-end for end in each[0][2:]]))
    return next((call for call in calls if call.reference.is_same_call(meant)), None)


def _edits(session: Session, snapshot: Snapshot, call: Call, dtype: str) -> tuple[Target, list[Edit]]:
    from model_loupe.domain.casts.targets import target_named

    target = target_named(dtype)
    return target, edits_to_load(session, snapshot, call, target)


def edits_to_load(session: Session, snapshot: Snapshot, call: Call, target: Target) -> list[Edit]:
    """Raises LoupeError where no edit has the call load its model as ``target``; waits for nothing."""
    from model_loupe.documents.edits.recast import recast
    from model_loupe.domain.casts.applying import way_to_load
    from model_loupe.inspector.cast_preview import check_applicable

    description = _known(session, call.ask)
    if description is not None:
        check_applicable(description, target)
    computing = description.loaded(call.ask.options)[0].dtype if description and call.ask else None
    way = way_to_load(target, session.transformers, computing)
    return recast([text_of(part) for part in snapshot.parts], call.reference, snapshot.casts(), way)


def _known(session: Session, ask: Ask | None) -> Description | None:
    found = session.inspector.known(ask.request) if ask else None
    if ask is None or found is None or isinstance(found, LoupeError):
        return None
    return session.inspector.view(found, ask.options)
