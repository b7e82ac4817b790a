"""``textDocument/codeAction``: what can be done about the model that a call names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from model_loupe.domain.errors import LoupeError
from model_loupe.domain.units import format_bytes
from model_loupe.lsp.edits import text_of
from model_loupe.lsp.features import config_fixes
from model_loupe.lsp.features.cast_actions import cast_actions
from model_loupe.lsp.features.execute_command import DOWNLOAD, OPEN_ON_HUB
from model_loupe.lsp.features.quick_fixes import quick_fixes, touch
from model_loupe.lsp.protocol import ContentModified

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from model_loupe.inspector import Description
    from model_loupe.lsp.requests import Ask
    from model_loupe.lsp.session import Session
    from model_loupe.lsp.snapshot import Call

LOG_IN = "modelLoupe.logIn"
"""Done by the client: it has the terminal."""

_TAKE_REVISION = ("from_pretrained", "hf_hub_download", "pipeline", "snapshot_download")
_NEED_ACCESS = ("access-denied", "bad-token", "gated-repository", "repository-not-found")
_MARKED = ("gated", "model-not-found")


async def code_action(session: Session, params: types.CodeActionParams) -> list[types.CodeAction] | None:
    """The actions of the calls that the selection touches."""
    uri = params.text_document.uri
    snapshot = session.documents.snapshot(uri)
    index = snapshot.index(uri) if snapshot else None
    if snapshot is None:
        return await config_fixes.code_action(session, params)
    if index is None:
        return None
    calls = [call for call in await session.run(snapshot.calls) if call.part.uri == uri]
    casts = await session.run(cast_actions, session, snapshot, index, params.range)
    fixes = await quick_fixes(session, snapshot, params)
    if not session.is_current(snapshot):
        raise ContentModified
    return [*fixes, *casts] + [
        action
        for call in calls
        if call.ask and call.reference.kind == "hub" and _touches(session, call, params.range)
        for action in _actions(session, call, call.ask, params.context.diagnostics)
    ]


def _touches(session: Session, call: Call, selection: types.Range) -> bool:
    return touch(session.encoding.to_range(call.part.lines, call.reference.call), selection)


def _actions(
    session: Session, call: Call, ask: Ask, diagnostics: Sequence[types.Diagnostic]
) -> Iterator[types.CodeAction]:
    model = ask.request.model
    node = session.inspector.root(ask.request).id
    outcome = session.inspector.known(ask.request)
    if outcome is not None and not isinstance(outcome, LoupeError):
        yield from _of_description(session, call, outcome, node)
    needs_access = not _codes(outcome).isdisjoint(_NEED_ACCESS)
    found = [problem for problem in diagnostics if needs_access and problem.code in _MARKED]
    if needs_access:
        yield _command("Log in to the Hugging Face Hub", LOG_IN, [], found)
    yield _command(f"Open {model} on the Hub", OPEN_ON_HUB, [node], found)


def _codes(outcome: Description | LoupeError | None) -> set[str]:
    if outcome is None:
        return set()
    return {outcome.code} if isinstance(outcome, LoupeError) else {each.code for each in outcome.warnings}


def _of_description(
    session: Session, call: Call, description: Description, node: str
) -> Iterator[types.CodeAction]:
    model, commit = description.request.model, description.commit
    edit = _revision(session, call, commit) if commit else None
    if commit and edit:
        yield types.CodeAction(
            f"Pin {model} to commit {commit[:10]}", kind=types.CodeActionKind.RefactorRewrite, edit=edit
        )
    if description.source == "hub" and description.weights.complete:
        size = format_bytes(description.stored_bytes or 0)
        yield _command(f"Download {model} ({size})", DOWNLOAD, [node], [])


def _revision(session: Session, call: Call, commit: str) -> types.WorkspaceEdit | None:
    """The edit that has a call load ``commit``; None where it cannot, or already says what it loads."""
    reference = call.reference
    if "revision" in reference.kwargs or reference.callee.rpartition(".")[2] not in _TAKE_REVISION:
        return None
    from model_loupe.documents.edits import call_at, change_of

    text = text_of(call.part)
    written = call_at(text, reference.call)
    if written is None:
        return None
    edit = change_of(text, reference.call, written.with_keyword("revision", f'"{commit}"'))
    where = session.encoding.to_range(call.part.lines, edit.span)
    return types.WorkspaceEdit(changes={call.part.uri: [types.TextEdit(where, edit.text)]})


def _command(
    title: str, command: str, arguments: list[str], diagnostics: list[types.Diagnostic]
) -> types.CodeAction:
    kind = types.CodeActionKind.QuickFix if diagnostics else types.CodeActionKind.Empty
    what = types.Command(title, command, arguments=list(arguments))
    return types.CodeAction(title, kind=kind, diagnostics=diagnostics or None, command=what)
