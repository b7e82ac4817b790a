/** Makes the edits that the server proposes, in cells and files that are open. */
import type { ChangeSpec } from '@codemirror/state';
import type { CodeEditor } from '@jupyterlab/codeeditor';
import { CodeMirrorEditor } from '@jupyterlab/codemirror';
import type { Document, VirtualDocument } from '@jupyterlab/lsp';
import { t, type TextEdit, type WorkspaceEdit } from '@model-loupe/core';

import { editorPlace, offsetOf } from './positions';
import type { LoupeServer } from './server';

/** An edit in the editor that it is in. */
interface Placed {
  readonly start: { line: number; column: number };
  readonly end: { line: number; column: number };
  readonly text: string;
}

export class Edits {
  constructor(private readonly server: LoupeServer) {}

  /** Makes an edit: one step of undo in each cell that changes. Rejects, and changes nothing, if a part has no place. */
  async apply(edit: WorkspaceEdit): Promise<void> {
    const placed = new Map<Document.IEditor, Placed[]>();
    for (const [uri, edits] of editsOf(edit)) {
      const document = this.server.documentOf(uri);
      if (!document) {
        throw new Error(t('The document is no longer open.'));
      }
      for (const each of edits) {
        const [editor, place] = placeOf(document, each);
        placed.set(editor, [...(placed.get(editor) ?? []), place]);
      }
    }
    for (const [editor, edits] of placed) {
      change(await editor.reveal(), edits);
    }
  }
}

function change(editor: CodeEditor.IEditor, edits: readonly Placed[]): void {
  if (!(editor instanceof CodeMirrorEditor)) {
    throw new Error(t('The code is in an editor that is not JupyterLab’s own.'));
  }
  const view = editor.editor;
  const changes: ChangeSpec[] = edits.map(({ start, end, text }) => ({
    from: offsetOf(view, start.line, start.column) ?? view.state.doc.length,
    to: offsetOf(view, end.line, end.column) ?? view.state.doc.length,
    insert: text,
  }));
  view.dispatch({ changes, userEvent: 'input.model-loupe' });
}

/** Of each document, its edits. */
function editsOf({ changes, documentChanges }: WorkspaceEdit): [uri: string, edits: readonly TextEdit[]][] {
  if (documentChanges) {
    return documentChanges.map(({ textDocument, edits }) => [textDocument.uri, edits]);
  }
  return Object.entries(changes ?? {});
}

function placeOf(document: VirtualDocument, { range, newText }: TextEdit): [Document.IEditor, Placed] {
  const start = editorPlace(document, range.start);
  const end = editorPlace(document, range.end);
  if (!start || start.editor !== end?.editor) {
    throw new Error(t('The code has changed meanwhile: ask for the edit again.'));
  }
  return [start.editor, { start, end, text: newText }];
}
