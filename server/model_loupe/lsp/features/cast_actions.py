"""Code actions on a loading call, its dtype or a cast of its model: the preview, the commonest formats."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from model_loupe.domain.errors import LoupeError
from model_loupe.lsp.edits import workspace_edit
from model_loupe.lsp.features.cast_edit import call_at, edits_to_load
from model_loupe.lsp.features.code_lens import loads_weights, preview_command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model_loupe.lsp.session import Session
    from model_loupe.lsp.snapshot import Call, Snapshot

_OFFERED = {"bfloat16": "as bfloat16", "float16": "as float16", "int8": "in 8 bits", "nf4": "in 4 bits (nf4)"}


def cast_actions(
    session: Session, snapshot: Snapshot, index: int, selection: types.Range
) -> list[types.CodeAction]:
    """What is offered where ``selection`` begins. Parses: for a worker thread."""
    place = session.encoding.to_place(snapshot.parts[index].lines, selection.start)
    call = call_at(snapshot, index, *place)
    if call is None or not loads_weights(call) or _is_missing(session, call):
        return []
    return [*_preview(session, call), *_loads(session, snapshot, call)]


def _is_missing(session: Session, call: Call) -> bool:
    """Whether it is known that there is no model to cast."""
    outcome = session.inspector.known(call.ask.request) if call.ask else None
    return isinstance(outcome, LoupeError) and outcome.code == "model-not-found"


def _preview(session: Session, call: Call) -> Iterator[types.CodeAction]:
    if call.ask:
        command = preview_command(session, call, call.ask)
        yield types.CodeAction(command.title, kind=types.CodeActionKind.Refactor, command=command)


def _loads(session: Session, snapshot: Snapshot, call: Call) -> Iterator[types.CodeAction]:
    from model_loupe.domain.casts.targets import TARGETS

    for name, words in _OFFERED.items():
        try:
            edits = edits_to_load(session, snapshot, call, TARGETS[name])
        except LoupeError:
            continue  # the preview says why
        if edits:
            yield types.CodeAction(
                f"Load {words}",
                kind=types.CodeActionKind.RefactorRewrite,
                edit=workspace_edit(session.encoding, snapshot, edits),
            )
