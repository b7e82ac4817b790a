"""Quick fixes as an editor takes them: asked for where a diagnostic is, and applied."""

from __future__ import annotations

import ast

from lsprotocol import types

from .editor import Document, within


async def actions(
    document: Document, where: types.Range, problems: list[types.Diagnostic]
) -> list[types.CodeAction]:
    """All actions at a place."""
    asked = types.CodeActionParams(
        types.TextDocumentIdentifier(document.uri), where, types.CodeActionContext(problems)
    )
    found = await within(document.editor.client.text_document_code_action_async(asked))
    return [_whole(action) for action in found or []]


def _whole(action: types.Command | types.CodeAction) -> types.CodeAction:
    """lsprotocol reads a code action that has a command as a command with the other as its text."""
    if isinstance(action, types.CodeAction):
        return action
    command = ast.literal_eval(action.command)
    arguments = command.get("arguments")
    return types.CodeAction(
        action.title, command=types.Command(command["title"], command["command"], arguments=arguments)
    )


async def fixes(document: Document, problem: types.Diagnostic) -> list[types.CodeAction]:
    """What mends a diagnostic, the best first; the last leaves it out."""
    return [
        action
        for action in await actions(document, problem.range, [problem])
        if action.edit and [each.code for each in action.diagnostics or ()] == [problem.code]
    ]


def applied(document: Document, action: types.CodeAction) -> str:
    """The document's text after the edits of an action (all in ASCII)."""
    assert action.edit and action.edit.changes
    lines = document.text.split("\n")
    starts = [sum(len(line) + 1 for line in lines[:number]) for number in range(len(lines))]
    text = document.text
    edits = action.edit.changes[document.uri]
    for edit in sorted(
        edits, key=lambda edit: (edit.range.start.line, edit.range.start.character), reverse=True
    ):
        start = starts[edit.range.start.line] + edit.range.start.character
        end = starts[edit.range.end.line] + edit.range.end.character
        text = text[:start] + edit.new_text + text[end:]
    return text
