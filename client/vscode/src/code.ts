/** From a model in the tree to the places in code that name it. */
import type { ModelNode, ModelReference } from '@model-loupe/core';
import * as vscode from 'vscode';

/** Go to where a model is named; ask where to, if it is in several places. */
export async function revealInCode(model: ModelNode): Promise<void> {
  const [only, ...others] = model.references;
  if (!only) {
    return;
  }
  if (others.length === 0) {
    await open(only);
    return;
  }
  const places = model.references.map((reference) => ({ label: placeText(reference), reference }));
  const picked = await vscode.window.showQuickPick(places, {
    title: model.label,
    placeHolder: vscode.l10n.t('{0} places name this model', places.length),
  });
  if (picked) {
    await open(picked.reference);
  }
}

function placeText({ uri, range, cell }: ModelReference): string {
  const place = vscode.Uri.parse(uri);
  const notebook = vscode.workspace.notebookDocuments.find((open) => cellOf(open, place));
  const index = notebook ? cellOf(notebook, place)?.index : cell;
  const file = vscode.workspace.asRelativePath(notebook?.uri ?? place);
  const line = range.start.line + 1;
  return index === undefined
    ? vscode.l10n.t('{0}, line {1}', file, line)
    : vscode.l10n.t('{0}, cell {1}, line {2}', file, index + 1, line);
}

async function open({ uri, range, cell }: ModelReference): Promise<void> {
  let place = vscode.Uri.parse(uri);
  if (cell !== undefined) {
    const notebook = await vscode.workspace.openNotebookDocument(place);
    place = notebook.cellAt(cell).document.uri;
  }
  const selection = new vscode.Range(
    range.start.line,
    range.start.character,
    range.end.line,
    range.end.character
  );
  // Not showTextDocument: this command takes the URI of a notebook's cell, too, and scrolls there.
  await vscode.commands.executeCommand('vscode.open', place, { selection });
}

function cellOf(notebook: vscode.NotebookDocument, cell: vscode.Uri): vscode.NotebookCell | undefined {
  return notebook.getCells().find(({ document }) => document.uri.toString() === cell.toString());
}
