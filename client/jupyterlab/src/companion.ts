/**
 * A connection of our own to the language server, for where JupyterLab gave Python to another one.
 *
 * JupyterLab connects a document to a single server, the first in rank. So that Model Loupe works beside
 * pylsp or pyright, this opens a second web socket to jupyter-lsp and tells the server what is in the
 * documents that JupyterLab has open. It is never opened while JupyterLab itself is connected to our server.
 */
import type { VirtualDocument } from '@jupyterlab/lsp';
import type { ServerConnection } from '@jupyterlab/services';
import type { IDisposable } from '@lumino/disposable';

import { SocketRpc } from './rpc';
import { CAPABILITY } from './sources';

const CAPABILITIES = {
  ...CAPABILITY,
  general: { positionEncodings: ['utf-16'] },
  textDocument: {
    hover: { contentFormat: ['markdown', 'plaintext'] },
    publishDiagnostics: { relatedInformation: false },
    synchronization: { didSave: true },
  },
  workspace: { configuration: false, didChangeConfiguration: {} },
};

/** Our own connection, with the documents that it has opened on the server. */
export class Companion implements IDisposable {
  /**
   * @param url - the web socket of the server in jupyter-lsp
   * @param rootUri - the folder that Jupyter serves, as a file URI
   */
  constructor(
    url: string,
    private readonly rootUri: string,
    settings: ServerConnection.ISettings,
  ) {
    this.rpc = new SocketRpc(new settings.WebSocket(url));
    this.ready = this.initialize();
    this.ready.catch(() => undefined);
  }

  readonly rpc: SocketRpc;
  /** Resolved once the server is initialized. */
  readonly ready: Promise<void>;

  get isDisposed(): boolean {
    return this.rpc.isDisposed;
  }

  uriOf(document: VirtualDocument): string {
    return `${this.rootUri.replace(/\/$/, '')}/${document.uri}`;
  }

  /** Opens, on the server, the documents that are new, and closes those that are gone. */
  track(documents: ReadonlySet<VirtualDocument>): void {
    for (const [document, state] of this.open) {
      if (!documents.has(document)) {
        this.open.delete(document);
        this.rpc.notify('textDocument/didClose', { textDocument: { uri: state.uri } });
      }
    }
    for (const document of documents) {
      if (!this.open.has(document)) {
        this.openDocument(document);
      }
    }
  }

  dispose(): void {
    for (const document of this.open.keys()) {
      document.changed.disconnect(this.sendChange, this);
    }
    this.open.clear();
    this.rpc.dispose();
  }

  private async initialize(): Promise<void> {
    await this.rpc.opened;
    await this.rpc.request('initialize', {
      processId: null,
      clientInfo: { name: 'JupyterLab' },
      rootUri: this.rootUri,
      workspaceFolders: null,
      capabilities: CAPABILITIES,
    });
    this.rpc.notify('initialized', {});
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

  private readonly open = new Map<VirtualDocument, { uri: string; version: number }>();
}
