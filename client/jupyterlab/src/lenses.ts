/**
 * A line above each call that loads a model: what it loads, and what can be looked at.
 *
 * These are the server's code lenses; neither JupyterLab nor jupyterlab-lsp shows any.
 */
import { StateEffect, StateField, type EditorState, type Extension } from '@codemirror/state';
import { Decoration, EditorView, WidgetType, type DecorationSet } from '@codemirror/view';
import type { Document, ILSPDocumentConnectionManager, VirtualDocument } from '@jupyterlab/lsp';
import type { Range } from '@model-loupe/core';

import type { EditorViews } from './editors';
import { editorPlace } from './positions';
import type { LoupeServer } from './server';
import { isPython } from './tracked';

/** Lenses follow what is typed after a rest; what the server says by itself, nearly at once. */
const REST_MS = 400;
const SOON_MS = 50;

interface Command {
  readonly title: string;
  /** Empty for text that leads nowhere. */
  readonly command: string;
  readonly arguments?: readonly unknown[];
}

/** As the server answers `textDocument/codeLens`: each has its command. */
interface CodeLens {
  readonly range: Range;
  readonly command: Command;
}

/** The lenses above one line of an editor; lines from 0. */
interface LensLine {
  readonly line: number;
  readonly commands: readonly Command[];
}

type Run = (command: string, words: readonly unknown[]) => void;

export class CodeLenses {
  /** @param run - runs a command that was clicked */
  constructor(
    private readonly server: LoupeServer,
    private readonly manager: ILSPDocumentConnectionManager,
    private readonly views: EditorViews,
    private readonly run: Run,
  ) {
    const soon = (): void => this.updateIn(SOON_MS);
    server.stateChanged.connect(soon);
    server.modelsChanged.connect(soon);
    manager.documentsChanged.connect(this.follow, this);
    views.added.connect((_, editor) => this.show(editor));
    this.follow();
  }

  extension(): Extension {
    return lensField;
  }

  private follow(): void {
    for (const document of this.documents()) {
      // Connected once, however often it is said.
      document.changed.connect(this.onTyped, this);
    }
    this.updateIn(SOON_MS);
  }

  private onTyped(): void {
    this.updateIn(REST_MS);
  }

  private documents(): VirtualDocument[] {
    const documents = [...this.manager.documents.values()];
    return documents.filter((document) => !document.isDisposed && isPython(document));
  }

  private updateIn(milliseconds: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.update(), milliseconds);
  }

  private async update(): Promise<void> {
    this.generation += 1;
    const generation = this.generation;
    const isReady = this.server.state === 'ready';
    await Promise.all(
      this.documents().map(async (document) => {
        const lenses = isReady ? await this.ask(document) : [];
        if (lenses && generation === this.generation && !document.isDisposed) {
          this.place(document, lenses);
        }
      }),
    );
  }

  /** The lenses of a document; undefined where those that are shown may stay. */
  private async ask(document: VirtualDocument): Promise<readonly CodeLens[] | undefined> {
    try {
      const params = { textDocument: { uri: this.server.uriOf(document) } };
      return (await this.server.request<readonly CodeLens[] | null>('textDocument/codeLens', params)) ?? [];
    } catch (reason) {
      // The document changed meanwhile and is asked about again, or the server ended.
      console.debug('Model Loupe: no code lenses.', reason);
      return undefined;
    }
  }

  private place(document: VirtualDocument, lenses: readonly CodeLens[]): void {
    const found = new Map<Document.IEditor, Map<number, Command[]>>();
    for (const { range, command } of lenses) {
      const place = editorPlace(document, range.start);
      if (place) {
        const lines = found.get(place.editor) ?? new Map<number, Command[]>();
        found.set(place.editor, lines);
        lines.set(place.line, [...(lines.get(place.line) ?? []), command]);
      }
    }
    const before = this.shown.get(document) ?? [];
    this.shown.set(document, [...found.keys()]);
    for (const editor of new Set([...before, ...found.keys()])) {
      const lines = [...(found.get(editor) ?? [])].map(([line, commands]) => ({ line, commands }));
      this.lines.set(editor, lines);
      this.show(editor);
    }
  }

  private show(editor: Document.IEditor): void {
    const lines = this.lines.get(editor);
    if (lines) {
      this.views.get(editor)?.dispatch({ effects: setLenses.of({ lines, run: this.run }) });
    }
  }

  private timer: ReturnType<typeof setTimeout> | undefined;
  private generation = 0;
  private readonly lines = new WeakMap<Document.IEditor, readonly LensLine[]>();
  private readonly shown = new WeakMap<VirtualDocument, Document.IEditor[]>();
}

const setLenses = StateEffect.define<{ lines: readonly LensLine[]; run: Run }>();

// Not a view plugin's: CodeMirror takes lines of their own only from the state.
const lensField = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update: (decorations, transaction) => {
    const told = transaction.effects.find((effect) => effect.is(setLenses));
    return told ? draw(transaction.state, told.value.lines, told.value.run) : decorations.map(transaction.changes);
  },
  provide: (field) => EditorView.decorations.from(field),
});

function draw({ doc }: EditorState, lines: readonly LensLine[], run: Run): DecorationSet {
  const ranges = lines
    .filter(({ line }) => line >= 0 && line < doc.lines)
    .map(({ line, commands }) => {
      const { from, text } = doc.line(line + 1);
      const indent = /^\s*/.exec(text)?.[0] ?? '';
      return Decoration.widget({ widget: new LensWidget(commands, indent, run), block: true, side: -1 }).range(from);
    });
  return Decoration.set(ranges, true);
}

class LensWidget extends WidgetType {
  constructor(
    private readonly commands: readonly Command[],
    private readonly indent: string,
    private readonly run: Run,
  ) {
    super();
    this.key = JSON.stringify([commands, indent]);
  }

  override eq(other: LensWidget): boolean {
    return this.key === other.key;
  }

  override ignoreEvent(): boolean {
    return true;
  }

  toDOM(): HTMLElement {
    const line = document.createElement('div');
    line.className = 'jp-ModelLoupe-lenses';
    // In line with the call, as code is indented.
    const indent = document.createElement('span');
    indent.textContent = this.indent;
    line.append(indent, ...this.commands.map((command) => this.lens(command)));
    return line;
  }

  private lens({ title, command, arguments: words }: Command): HTMLElement {
    const element = document.createElement(command === '' ? 'span' : 'button');
    element.className = 'jp-ModelLoupe-lens';
    element.textContent = title;
    if (command !== '') {
      element.addEventListener('click', () => this.run(command, words ?? []));
    }
    return element;
  }

  private readonly key: string;
}
