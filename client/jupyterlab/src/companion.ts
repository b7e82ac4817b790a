/**
 * A connection of our own to the language server, for where JupyterLab gave Python to another one.
 *
 * JupyterLab connects a document to a single server, the first in rank. So that Model Loupe works beside
 * pylsp or pyright, this opens a second web socket to jupyter-lsp; for a checkpoint's JSON and for pages of
 * ours, too, while no Python is open. What is in the documents the `TrackedDocuments` tell. It is never opened while JupyterLab itself is connected to our server.
 */
import type { ServerConnection } from '@jupyterlab/services';
import type { IDisposable } from '@lumino/disposable';

import { CAPABILITIES } from './capabilities';
import { SocketRpc } from './rpc';

const ALL_CAPABILITIES = {
  ...CAPABILITIES,
  general: { positionEncodings: ['utf-16'] },
  textDocument: {
    hover: { contentFormat: ['markdown', 'plaintext'] },
    publishDiagnostics: { relatedInformation: false },
    synchronization: { didSave: true },
  },
  workspace: { configuration: false, didChangeConfiguration: {} },
};

/** Our own connection. */
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

  dispose(): void {
    this.rpc.dispose();
  }

  private async initialize(): Promise<void> {
    await this.rpc.opened;
    await this.rpc.request('initialize', {
      processId: null,
      clientInfo: { name: 'JupyterLab' },
      rootUri: this.rootUri,
      workspaceFolders: null,
      capabilities: ALL_CAPABILITIES,
    });
    this.rpc.notify('initialized', {});
  }
}
