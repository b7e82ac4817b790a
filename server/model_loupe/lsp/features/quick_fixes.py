"""``textDocument/codeAction``: what mends a diagnostic, or leaves it out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from model_loupe.lsp.checks import findings
from model_loupe.lsp.edits import text_of, workspace_edit
from model_loupe.lsp.features.diagnostics import to_diagnostic

INSTALL = "modelLoupe.installPackages"
"""Done by the client, which has the terminal: its arguments are the interpreter and the packages."""

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model_loupe.diagnostics.finding import Finding
    from model_loupe.lsp.session import Session
    from model_loupe.lsp.snapshot import Part, Snapshot


async def quick_fixes(
    session: Session, snapshot: Snapshot, params: types.CodeActionParams
) -> list[types.CodeAction]:
    """The fixes of what is found where the selection is, and for each of these a comment to leave it out."""
    uri, selection = params.text_document.uri, params.range
    here = [
        (part, finding, problem)
        for part, finding in await findings(session, snapshot)
        if part.uri == uri
        and (problem := to_diagnostic(session, part, finding)) is not None
        and touch(problem.range, selection)
    ]
    shown = params.context.diagnostics
    actions: list[types.CodeAction] = []
    for _, finding, problem in here:
        actions += await session.run(_fixes, session, snapshot, finding, _as_shown(problem, shown))
    return actions + [
        _ignored(session, part, finding, _as_shown(problem, shown))
        for part, finding, problem in here
        # A comment cannot stand behind a line that goes on.
        if not part.lines[finding.span.end_line].rstrip().endswith("\\")
    ]


def touch(one: types.Range, other: types.Range) -> bool:
    """Whether two ranges have a place in common."""
    return _key(one.start) <= _key(other.end) and _key(other.start) <= _key(one.end)


def _key(position: types.Position) -> tuple[int, int]:
    return position.line, position.character


def _as_shown(problem: types.Diagnostic, shown: Sequence[types.Diagnostic]) -> types.Diagnostic:
    """The client's own, which it knows again."""
    same = (each for each in shown if each.code == problem.code and each.range == problem.range)
    return next(same, problem)


def _fixes(
    session: Session, snapshot: Snapshot, finding: Finding, problem: types.Diagnostic
) -> list[types.CodeAction]:
    texts = [text_of(part) for part in snapshot.parts]
    actions = []
    for number, fix in enumerate(finding.fixes):
        action = types.CodeAction(fix.title, types.CodeActionKind.QuickFix, [problem])
        action.is_preferred = number == 0
        edits = fix.edits(texts)
        if edits:
            action.edit = workspace_edit(session.encoding, snapshot, edits)
        elif fix.packages and session.may_start_worker:
            action.command = types.Command(fix.title, INSTALL, arguments=[session.interpreter, *fix.packages])
        if action.edit or action.command:
            actions.append(action)
    return actions


def _ignored(session: Session, part: Part, finding: Finding, problem: types.Diagnostic) -> types.CodeAction:
    """A comment behind the line on which the finding ends."""
    line = finding.span.end_line
    place = session.encoding.to_position(part.lines, line, len(part.lines[line].rstrip()))
    edit = types.TextEdit(types.Range(place, place), f"  # loupe: ignore[{finding.code}]")
    return types.CodeAction(
        f"Ignore {finding.code} on this line",
        types.CodeActionKind.QuickFix,
        [problem],
        edit=types.WorkspaceEdit(changes={part.uri: [edit]}),
    )
