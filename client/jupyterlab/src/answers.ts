/** What the server says of places in the open documents, shown in their editors and kept up to date. */
import type { EditorView } from '@codemirror/view';
import type { Document, ILSPDocumentConnectionManager, VirtualDocument } from '@jupyterlab/lsp';
import type { Position } from '@model-loupe/core';

import type { EditorViews } from './editors';
import { editorPlace } from './positions';
import type { LoupeServer } from './server';
import { isPython } from './tracked';

/** Answers follow what is typed after a rest; what the server says by itself, nearly at once. */
const REST_MS = 400;
const SOON_MS = 50;

/** An answer in the editor that shows it; `line` and `column` from 0. */
export interface Placed<Answer> {
  readonly line: number;
  readonly column: number;
  readonly answer: Answer;
}

/** A kind of answers: how they are asked for, where they belong, and how an editor shows all of its own. */
export interface AnswerKind<Answer> {
  readonly method: string;
  /** Further parameters of the request; null where nothing of the document is to be asked for. */
  params(document: VirtualDocument): object | null;
  position(answer: Answer): Position;
  show(view: EditorView, answers: readonly Placed<Answer>[]): void;
}

export class Answers<Answer> {
  constructor(
    private readonly server: LoupeServer,
    private readonly manager: ILSPDocumentConnectionManager,
    private readonly views: EditorViews,
    private readonly kind: AnswerKind<Answer>,
  ) {
    server.stateChanged.connect(this.askSoon, this);
    server.modelsChanged.connect(this.askSoon, this);
    manager.documentsChanged.connect(this.follow, this);
    views.added.connect((_, editor) => this.show(editor));
    this.follow();
  }

  /** Asks anew, because something else is seen or has changed. */
  askSoon(): void {
    this.askIn(SOON_MS);
  }

  private follow(): void {
    for (const document of this.documents()) {
      // Connected once, however often it is said.
      document.changed.connect(this.onTyped, this);
    }
    this.askSoon();
  }

  private onTyped(): void {
    this.askIn(REST_MS);
  }

  private documents(): VirtualDocument[] {
    const documents = [...this.manager.documents.values()];
    return documents.filter((document) => !document.isDisposed && isPython(document));
  }

  private askIn(milliseconds: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.askAll(), milliseconds);
  }

  private async askAll(): Promise<void> {
    this.generation += 1;
    const generation = this.generation;
    const isReady = this.server.state === 'ready';
    await Promise.all(
      this.documents().map(async (document) => {
        const answers = isReady ? await this.ask(document) : [];
        if (answers && generation === this.generation && !document.isDisposed) {
          this.place(document, answers);
        }
      }),
    );
  }

  /** The answers of a document; undefined where those that are shown may stay. */
  private async ask(document: VirtualDocument): Promise<readonly Answer[] | undefined> {
    const params = this.kind.params(document);
    if (!params) {
      return undefined;
    }
    const textDocument = { uri: this.server.uriOf(document) };
    try {
      return (await this.server.request<Answer[] | null>(this.kind.method, { textDocument, ...params })) ?? [];
    } catch (reason) {
      // The document changed meanwhile and is asked about again, or the server ended.
      console.debug(`Model Loupe: no answer to ${this.kind.method}.`, reason);
      return undefined;
    }
  }

  private place(document: VirtualDocument, answers: readonly Answer[]): void {
    const found = new Map<Document.IEditor, Placed<Answer>[]>();
    for (const answer of answers) {
      const place = editorPlace(document, this.kind.position(answer));
      if (place) {
        const { editor, line, column } = place;
        found.set(editor, [...(found.get(editor) ?? []), { line, column, answer }]);
      }
    }
    const before = this.shown.get(document) ?? [];
    this.shown.set(document, [...found.keys()]);
    for (const editor of new Set([...before, ...found.keys()])) {
      this.placed.set(editor, found.get(editor) ?? []);
      this.show(editor);
    }
  }

  private show(editor: Document.IEditor): void {
    const answers = this.placed.get(editor);
    const view = this.views.get(editor);
    if (answers && view) {
      this.kind.show(view, answers);
    }
  }

  private timer: ReturnType<typeof setTimeout> | undefined;
  private generation = 0;
  private readonly placed = new WeakMap<Document.IEditor, readonly Placed<Answer>[]>();
  private readonly shown = new WeakMap<VirtualDocument, Document.IEditor[]>();
}
