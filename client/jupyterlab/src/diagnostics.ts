/**
 * Squiggles under what the server complains about.
 *
 * jupyterlab-lsp draws those of the server that JupyterLab chose for Python. Where that is another one, or
 * jupyterlab-lsp is not there, they are drawn here, beside whatever the other server complains about.
 */
import { RangeSetBuilder, StateEffect, type Extension } from '@codemirror/state';
import { Decoration, ViewPlugin, type DecorationSet, type EditorView, type ViewUpdate } from '@codemirror/view';
import type { Document, ILSPDocumentConnectionManager, VirtualDocument } from '@jupyterlab/lsp';
import { Signal } from '@lumino/signaling';

import type { EditorViews } from './editors';
import { editorPlace, offsetOf, sameFile } from './positions';
import type { Diagnostic, LoupeServer, PublishedDiagnostics } from './server';

/** A diagnostic in one editor. */
interface Mark {
  readonly document: VirtualDocument;
  readonly start: { line: number; column: number };
  readonly end: { line: number; column: number };
  readonly diagnostic: Diagnostic;
}

// The classes of @codemirror/lint, so that themes fit.
const SEVERITIES: Readonly<Record<number, string>> = { 1: 'error', 2: 'warning', 3: 'info', 4: 'hint' };

/** What is wrong in which editor. */
export class Diagnostics {
  /**
   * @param isShownElsewhere - whether jupyterlab-lsp draws what the chosen server says
   */
  constructor(
    private readonly server: LoupeServer,
    private readonly manager: ILSPDocumentConnectionManager,
    private readonly isShownElsewhere: boolean,
    private readonly views: EditorViews,
  ) {
    server.diagnosticsPublished.connect(this.onPublished, this);
    server.stateChanged.connect(this.onStateChanged, this);
  }

  readonly changed = new Signal<this, void>(this);

  /** Whether those of a document are drawn, and told of, here. */
  areOurs(document: VirtualDocument): boolean {
    return !this.isShownElsewhere || this.server.isOursAlone(document);
  }

  private marksOf(editor: Document.IEditor): readonly Mark[] {
    return [...this.byDocument.values()].flatMap((editors) => editors.get(editor) ?? []);
  }

  /** The CodeMirror extension that draws the marks of an editor. */
  extension(editor: Document.IEditor): Extension {
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- a class inside needs it by another name
    const diagnostics = this;
    const plugin = ViewPlugin.fromClass(
      class {
        constructor(private readonly view: EditorView) {
          this.decorations = diagnostics.draw(view, editor);
          diagnostics.changed.connect(this.onChanged, this);
        }

        update(update: ViewUpdate): void {
          if (update.transactions.some((transaction) => transaction.effects.some((effect) => effect.is(redraw)))) {
            this.decorations = diagnostics.draw(update.view, editor);
          } else {
            this.decorations = this.decorations.map(update.changes);
          }
        }

        destroy(): void {
          diagnostics.changed.disconnect(this.onChanged, this);
        }

        private onChanged(): void {
          this.view.dispatch({ effects: redraw.of(null) });
        }

        decorations: DecorationSet;
      },
      { decorations: (value) => value.decorations },
    );
    return plugin;
  }

  /** The diagnostics at an offset of an editor, whoever draws them. */
  at(editor: Document.IEditor, offset: number): readonly Diagnostic[] {
    const view = this.views.get(editor);
    if (!view) {
      return [];
    }
    const found = this.marksOf(editor).filter((mark) => {
      const [from, to] = offsets(view, mark);
      return from <= offset && offset <= to;
    });
    return found.map((mark) => mark.diagnostic);
  }

  private draw(view: EditorView, editor: Document.IEditor): DecorationSet {
    return decorations(
      view,
      this.marksOf(editor).filter(({ document }) => this.areOurs(document)),
    );
  }

  private onPublished(_: LoupeServer, published: PublishedDiagnostics): void {
    for (const document of this.manager.documents.values()) {
      if (!document.isDisposed && sameFile(this.server.uriOf(document), published.uri)) {
        this.byDocument.set(document.uri, place(document, published.diagnostics));
        this.changed.emit();
      }
    }
  }

  private onStateChanged(): void {
    if (this.server.state !== 'ready') {
      this.byDocument.clear();
      this.changed.emit();
    }
  }

  private readonly byDocument = new Map<VirtualDocument.uri, Map<Document.IEditor, Mark[]>>();
}

const redraw = StateEffect.define();

/** The marks of a document, by the editor that they are in. */
function place(document: VirtualDocument, diagnostics: readonly Diagnostic[]): Map<Document.IEditor, Mark[]> {
  const editors = new Map<Document.IEditor, Mark[]>();
  for (const diagnostic of diagnostics) {
    const start = editorPlace(document, diagnostic.range.start);
    const end = editorPlace(document, diagnostic.range.end);
    if (end && start?.editor === end.editor) {
      editors.set(start.editor, [...(editors.get(start.editor) ?? []), { document, start, end, diagnostic }]);
    }
  }
  return editors;
}

function decorations(view: EditorView, marks: readonly Mark[]): DecorationSet {
  const ranges = marks.map((mark) => ({ mark, extent: offsets(view, mark) }));
  ranges.sort((a, b) => a.extent[0] - b.extent[0] || a.extent[1] - b.extent[1]);
  const builder = new RangeSetBuilder<Decoration>();
  for (const { mark, extent } of ranges) {
    const [from, to] = extent;
    if (from < to) {
      const severity = SEVERITIES[mark.diagnostic.severity ?? 1] ?? 'error';
      builder.add(from, to, Decoration.mark({ class: `cm-lintRange cm-lintRange-${severity} jp-ModelLoupe-mark` }));
    }
  }
  return builder.finish();
}

function offsets(view: EditorView, { start, end }: Mark): [number, number] {
  return [offsetOf(view, start.line, start.column) ?? 0, offsetOf(view, end.line, end.column) ?? 0];
}
