"""``textDocument/codeAction`` in JSON files of a checkpoint: what mends a finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from model_loupe.lsp.features import config_files
from model_loupe.lsp.features.diagnostics import to_diagnostic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model_loupe.diagnostics.finding import Finding
    from model_loupe.lsp.session import Session
    from model_loupe.lsp.snapshot import Part


async def code_action(session: Session, params: types.CodeActionParams) -> list[types.CodeAction] | None:
    """The fixes of what is found where the selection is."""
    found = await config_files.findings(session, params.text_document.uri)
    selection = params.range
    return [
        action
        for part, finding in found
        if (problem := to_diagnostic(session, part, finding)) is not None
        and _key(problem.range.start) <= _key(selection.end)
        and _key(selection.start) <= _key(problem.range.end)
        for action in _fixes(session, part, finding, problem)
    ]


def _key(position: types.Position) -> tuple[int, int]:
    return position.line, position.character


def _fixes(
    session: Session, part: Part, finding: Finding, problem: types.Diagnostic
) -> Iterator[types.CodeAction]:
    for fix in finding.fixes:
        edits = [
            types.TextEdit(session.encoding.to_range(part.lines, edit.span), edit.text)
            for edit in fix.edits(["\n".join(part.lines)])
        ]
        change = types.WorkspaceEdit(changes={part.uri: edits})
        yield types.CodeAction(fix.title, types.CodeActionKind.QuickFix, [problem], edit=change)
