/** The CodeMirror views of the editors that are shown: cells, and files. */
import type { Extension } from '@codemirror/state';
import { ViewPlugin, type EditorView } from '@codemirror/view';
import type { Document, WidgetLSPAdapter } from '@jupyterlab/lsp';
import { Signal } from '@lumino/signaling';

/** An editor with what it is a part of. */
export interface ShownEditor {
  readonly adapter: WidgetLSPAdapter;
  readonly editor: Document.IEditor;
  readonly view: EditorView;
}

export class EditorViews {
  /** An editor came into sight; JupyterLab makes the view of a cell anew each time. */
  readonly added = new Signal<this, Document.IEditor>(this);

  get(editor: Document.IEditor): EditorView | undefined {
    return this.views.get(editor);
  }

  /** Those that are part of the page now. */
  get shown(): readonly ShownEditor[] {
    return [...this.all].filter(({ view }) => view.dom.isConnected);
  }

  /** The editor that has the focus, or had it last. */
  get focused(): ShownEditor | undefined {
    return this.lastFocused;
  }

  /** The extension by which an editor's view is known here. */
  extension(adapter: WidgetLSPAdapter, editor: Document.IEditor): Extension {
    const register = (view: EditorView): { destroy(): void } => {
      const shown = { adapter, editor, view };
      this.all.add(shown);
      this.views.set(editor, view);
      // A view that is being made takes no changes yet.
      queueMicrotask(() => this.added.emit(editor));
      return { destroy: () => this.all.delete(shown) };
    };
    const focus = (_: FocusEvent, view: EditorView): void => {
      this.lastFocused = { adapter, editor, view };
    };
    return ViewPlugin.define(register, { eventHandlers: { focus } });
  }

  private lastFocused: ShownEditor | undefined;
  private readonly all = new Set<ShownEditor>();
  private readonly views = new WeakMap<Document.IEditor, EditorView>();
}
