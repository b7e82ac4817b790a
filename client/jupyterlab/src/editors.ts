/** The CodeMirror views of the editors that are shown: cells, and files. */
import type { Extension } from '@codemirror/state';
import { ViewPlugin, type EditorView } from '@codemirror/view';
import type { Document } from '@jupyterlab/lsp';
import { Signal } from '@lumino/signaling';

export class EditorViews {
  /** An editor came into sight; JupyterLab makes the view of a cell anew each time. */
  readonly added = new Signal<this, Document.IEditor>(this);

  get(editor: Document.IEditor): EditorView | undefined {
    return this.views.get(editor);
  }

  /** The extension by which an editor's view is known here. */
  extension(editor: Document.IEditor): Extension {
    return ViewPlugin.define((view) => {
      this.views.set(editor, view);
      // A view that is being made takes no changes yet.
      queueMicrotask(() => this.added.emit(editor));
      return {};
    });
  }

  private readonly views = new WeakMap<Document.IEditor, EditorView>();
}
