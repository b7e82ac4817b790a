/**
 * Between places in an editor and in the document that the server sees.
 *
 * JupyterLab joins a notebook's cells to one virtual document; its own mapping does the arithmetic here.
 */
import type { EditorView } from '@codemirror/view';
import type { Document, IEditorPosition, IVirtualPosition, VirtualDocument, WidgetLSPAdapter } from '@jupyterlab/lsp';
import type { Position } from '@model-loupe/core';

import { isCheckpointJson, isPython } from './tracked';

/** A position in a virtual document. */
export interface VirtualPlace {
  document: VirtualDocument;
  position: Position;
}

/** Where the offset of an editor is in a document that the server knows; null where it is in none. */
export function virtualPlace(
  adapter: WidgetLSPAdapter,
  editor: Document.IEditor,
  view: EditorView,
  offset: number,
): VirtualPlace | null {
  const root = adapter.virtualDocument;
  const line = view.state.doc.lineAt(offset);
  const inEditor = { line: line.number - 1, ch: offset - line.from } as IEditorPosition;
  const inRoot = root?.isDisposed === false ? root.transformFromEditorToRoot(editor, inEditor) : null;
  if (!root || !inRoot) {
    return null;
  }
  const document = root.documentAtSourcePosition(inRoot);
  if (!isPython(document) && !isCheckpointJson(document)) {
    return null;
  }
  const { line: virtualLine, ch } = root.virtualPositionAtDocument(inRoot);
  return { document, position: { line: virtualLine, character: ch } };
}

/** The editor that shows a line of a virtual document, and the place in it; null for lines between cells. */
export function editorPlace(
  document: VirtualDocument,
  { line, character }: Position,
): { editor: Document.IEditor; line: number; column: number } | null {
  const position = { line, ch: character } as IVirtualPosition;
  try {
    const place = document.transformVirtualToEditor(position);
    return place && { editor: document.getEditorAtVirtualLine(position), line: place.line, column: place.ch };
  } catch {
    // Beyond the end: the answer is to an older text.
    return null;
  }
}

/** The offset, in the editor of `view`, of a line and column; null beyond its end. */
export function offsetOf(view: EditorView, line: number, column: number): number | null {
  const { doc } = view.state;
  if (line < 0 || line >= doc.lines) {
    return null;
  }
  const { from, to } = doc.line(line + 1);
  return Math.min(from + column, to);
}

/** URIs of one file may differ in what is escaped. */
export function sameFile(left: string, right: string): boolean {
  return left === right || decodeURIComponent(left) === decodeURIComponent(right);
}
