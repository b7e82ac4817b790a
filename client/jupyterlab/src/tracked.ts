/** Documents that we ourselves tell the language server of, where JupyterLab does not. */
import type { VirtualDocument } from '@jupyterlab/lsp';
import type { IDisposable } from '@lumino/disposable';

import type { Rpc } from './rpc';

/** The files of a checkpoint that the server explains; others of these names it leaves alone. */
const CHECKPOINT_JSON =
  /(?:^|\/)(?:(?:(?:generation|tokenizer|adapter|quantization)_)?config|model\.safetensors\.index)\.json$/;

export function isPython(document: VirtualDocument): boolean {
  return document.language === 'python';
}

/** JupyterLab gives JSON to a server for JSON, if there is one, and never to ours. */
export function isCheckpointJson(document: VirtualDocument): boolean {
  return document.language === 'json' && CHECKPOINT_JSON.test(document.uri);
}

/** Opens documents on the server, tells it of their changes, and closes them. */
export class TrackedDocuments implements IDisposable {
  /**
   * @param rootUri - the folder that Jupyter serves, as a file URI
   */
  constructor(
    private readonly rpc: Rpc,
    private readonly rootUri: string,
  ) {}

  get isDisposed(): boolean {
    return this.disposed;
  }

  /** The URI by which the server knows a document that is tracked here. */
  uriOf(document: VirtualDocument): string {
    // JupyterLab has escaped all but what would end the path.
    return `${this.rootUri.replace(/\/$/, '')}/${document.uri.replace(/[?#]/g, encodeURIComponent)}`;
  }

  /** Opens the documents that are new, which it gives, and closes those that are gone. */
  track(documents: ReadonlySet<VirtualDocument>): VirtualDocument[] {
    for (const [document, { uri }] of this.open) {
      if (!documents.has(document)) {
        document.changed.disconnect(this.sendChange, this);
        this.open.delete(document);
        this.rpc.notify('textDocument/didClose', { textDocument: { uri } });
      }
    }
    const opened = [...documents].filter((document) => !this.open.has(document));
    opened.forEach((document) => this.openDocument(document));
    return opened;
  }

  /** Says nothing more; who disposes of the connection need not close its documents. */
  dispose(): void {
    for (const document of this.open.keys()) {
      document.changed.disconnect(this.sendChange, this);
    }
    this.open.clear();
    this.disposed = true;
  }

  private openDocument(document: VirtualDocument): void {
    const uri = this.uriOf(document);
    this.open.set(document, { uri, version: 0 });
    document.changed.connect(this.sendChange, this);
    this.rpc.notify('textDocument/didOpen', {
      textDocument: { uri, languageId: document.language, version: 0, text: document.value },
    });
  }

  private sendChange(document: VirtualDocument): void {
    const state = this.open.get(document);
    if (state) {
      state.version += 1;
      this.rpc.notify('textDocument/didChange', {
        textDocument: { uri: state.uri, version: state.version },
        contentChanges: [{ text: document.value }],
      });
    }
  }

  private disposed = false;
  private readonly open = new Map<VirtualDocument, { uri: string; version: number }>();
}
