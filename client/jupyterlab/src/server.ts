/** Which connection leads to our language server, and what state it is in. */
import { PageConfig, URLExt } from '@jupyterlab/coreutils';
import type {
  ILSPConnection,
  ILSPDocumentConnectionManager,
  TLanguageServerConfigurations,
  TLanguageServerId,
  VirtualDocument,
  WidgetLSPAdapter,
} from '@jupyterlab/lsp';
import {
  DID_CHANGE,
  MODELS,
  t,
  type Progress,
  type Range,
  type StreamingTransport,
  type StreamOptions,
} from '@model-loupe/core';
import { UUID, type ReadonlyJSONObject } from '@lumino/coreutils';
import { DisposableDelegate, DisposableSet, type IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';

import { Companion } from './companion';
import { sameFile } from './positions';
import { rpcOf, type Rpc } from './rpc';
import type { LoupeSettings } from './settings';
import { isCheckpointJson, isPython, TrackedDocuments } from './tracked';
import { ServerWork } from './work';

/** The server's key in jupyter-lsp: SERVER_KEY in server/model_loupe/lsp/jupyter.py. */
// JupyterLab's type lists examples; it takes any key.
export const SERVER_KEY = 'python-model-loupe' as TLanguageServerId;

/** Why there is, or is not, a server to ask. */
export type ServerState =
  /** JupyterLab has not asked jupyter-lsp yet, or not read the settings. */
  | 'starting'
  /** jupyter-lsp, the part in the Jupyter server, is missing. */
  | 'no-jupyter-lsp'
  /** Language servers are switched off, or jupyterlab-lsp is missing. */
  | 'disabled'
  /** jupyter-lsp does not know our server. */
  | 'no-server'
  /** Neither Python nor a checkpoint's JSON is open, nor a page that needs one, so none is connected. */
  | 'no-document'
  | 'connecting'
  | 'ready'
  /** The connection broke. */
  | 'lost';

/** What `textDocument/publishDiagnostics` brings. */
export interface PublishedDiagnostics {
  readonly uri: string;
  readonly diagnostics: readonly Diagnostic[];
}

export interface Diagnostic {
  readonly range: Range;
  readonly message: string;
  /** 1 error, 2 warning, 3 information, 4 hint. */
  readonly severity?: number;
}

/** How long an answer may take: describing a model from the network is the longest. */
const ANSWER_MS = 60_000;
/**
 * How long the list of models may take, which the server has in memory. One that does not answer hangs or has
 * died: jupyter-lsp keeps the connection open all the same.
 */
const LIST_MS = 10_000;

const LOOK_AGAIN_MS = 500;

/**
 * The one door to the language server.
 *
 * Where JupyterLab chose our server for Python it uses JupyterLab's connection; where it chose another, or no Python is
 * open but a page or a checkpoint's JSON is, a `Companion`. Connections come late, go and come again: `stateChanged` tells.
 */
export class LoupeServer implements IDisposable, StreamingTransport {
  constructor(
    private readonly manager: ILSPDocumentConnectionManager,
    private readonly settings: LoupeSettings,
  ) {
    settings.changed.connect(this.configure, this);
    settings.changed.connect(this.schedule, this);
    manager.languageServerManager.sessionsChanged.connect(this.schedule, this);
    manager.documentsChanged.connect(this.schedule, this);
    manager.connected.connect(this.schedule, this);
    manager.disconnected.connect(this.schedule, this);
    manager.closed.connect(this.schedule, this);
    void manager.ready.then(() => {
      this.schedule();
    });
    this.schedule();
  }

  get state(): ServerState {
    return this.currentState;
  }

  /** The state changed, or another connection took the place of the one before. */
  get stateChanged(): ISignal<this, ServerState> {
    return this.stateSignal;
  }

  /** The server says that models may have changed. */
  get modelsChanged(): ISignal<this, void> {
    return this.modelsSignal;
  }

  /** Has all that shows models ask for them anew, as if the server had said that they may have changed. */
  refreshModels(): void {
    this.modelsSignal.emit();
  }

  /** The server begins something that takes a while. */
  get workBegun(): ISignal<this, ServerWork> {
    return this.workSignal;
  }

  /** Why something that was asked for could not be done, where JupyterLab does not show it itself. */
  get messageShown(): ISignal<this, string> {
    return this.messageSignal;
  }

  get diagnosticsPublished(): ISignal<this, PublishedDiagnostics> {
    return this.diagnosticsSignal;
  }

  /** Whether JupyterLab connects Python to our server, not to another one. */
  get isChosen(): boolean {
    return this.manager.languageServerManager.getMatchingServers({ language: 'python' })[0] === SERVER_KEY;
  }

  /** JupyterLab is not connected to our server for a document: its features (hover, diagnostics) do not show ours. */
  isOursAlone(document: VirtualDocument): boolean {
    return (this.companion !== null && !this.isChosen) || isCheckpointJson(document);
  }

  get isDisposed(): boolean {
    return this.disposed;
  }

  /** Asks the server; rejects when it is not connected, answers with an error or does not answer. */
  async request<T>(method: string, params: unknown): Promise<T> {
    const limit = method === MODELS ? LIST_MS : ANSWER_MS;
    return (await within(limit, this.connected().request(method, params))) as T;
  }

  /** As `request`, for an answer that may take long and is told as it grows. */
  async stream<T>(method: string, params: object, { signal, onPartial, onProgress }: StreamOptions<T>): Promise<T> {
    signal.throwIfAborted();
    const rpc = this.connected();
    const tokens = { partialResultToken: UUID.uuid4(), workDoneToken: UUID.uuid4() };
    const listening = DisposableSet.from([
      rpc.onProgress(tokens.partialResultToken, (value) => onPartial(value as T)),
      rpc.onProgress(tokens.workDoneToken, (value) => onProgress(value as Progress)),
    ]);
    try {
      return (await rpc.request(method, { ...params, ...tokens }, signal)) as T;
    } finally {
      listening.dispose();
    }
  }

  /** Has the server connected until this is disposed of, though no document be open: a page needs it. */
  hold(): IDisposable {
    const hold = new DisposableDelegate(() => {
      this.holds.delete(hold);
      this.schedule();
    });
    this.holds.add(hold);
    this.schedule();
    return hold;
  }

  /**
   * Resolved once the server can be asked: a page that is loaded again opens its tabs before.
   *
   * @param tell - called with each state until then
   */
  untilReady(tell?: (state: ServerState) => void): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (this.currentState === 'ready') {
          this.stateChanged.disconnect(look);
          resolve();
        } else {
          tell?.(this.currentState);
        }
      };
      this.stateChanged.connect(look);
      look();
    });
  }

  /** Has the server execute a command of its own. */
  execute(command: string, ...words: unknown[]): Promise<unknown> {
    return this.request('workspace/executeCommand', { command, arguments: words });
  }

  /** The URI by which the server knows a document. */
  uriOf(document: VirtualDocument): string {
    const tracked = this.isOursAlone(document) ? this.tracked : null;
    return tracked?.uriOf(document) ?? document.documentInfo.uri;
  }

  /** The open document that the server knows by a URI. */
  documentOf(uri: string): VirtualDocument | undefined {
    const documents = [...this.manager.documents.values()];
    return documents.find((document) => !document.isDisposed && sameFile(this.uriOf(document), uri));
  }

  /** Ends the server's process and starts it again, with the documents that are open. */
  async restart(): Promise<void> {
    if (this.isRestarting) {
      return;
    }
    const adapters = this.adapters().filter((adapter) => this.isConnected(adapter));
    this.isRestarting = true;
    try {
      this.closeCompanion();
      this.adopt(null, 'connecting');
      for (const adapter of adapters) {
        adapter.disconnect();
      }
      // jupyter-lsp ends the process when the last page has left it; whoever comes sooner meets the old one.
      await this.untilLeft();
    } finally {
      this.isRestarting = false;
      for (const adapter of adapters) {
        // JupyterLab does this when a document is renamed, and has no public way to ask for it.
        (adapter as unknown as { reloadConnection(): void }).reloadConnection();
      }
      this.schedule();
    }
  }

  dispose(): void {
    if (!this.disposed) {
      this.disposed = true;
      clearTimeout(this.timer);
      this.settings.changed.disconnect(this.configure, this);
      this.settings.changed.disconnect(this.schedule, this);
      this.closeCompanion();
      this.tracked?.dispose();
      this.listening.dispose();
      Signal.clearData(this);
    }
  }

  private connected(): Rpc {
    if (!this.rpc) {
      throw new Error(t('The language server is not connected.'));
    }
    return this.rpc;
  }

  /** Looks again once the event that tells of a change has been worked off by all who listen. */
  private schedule(): void {
    this.updateIn(0);
  }

  private updateIn(milliseconds: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.update();
    }, milliseconds);
  }

  private update(): void {
    if (this.isRestarting) {
      return;
    }
    const obstacle = this.obstacle();
    if (obstacle) {
      this.closeCompanion();
      this.adopt(null, obstacle);
      if (obstacle === 'starting') {
        // A first answer that is an error makes no event: JupyterLab tries again for long before it tells.
        this.updateIn(LOOK_AGAIN_MS);
      }
    } else if (this.isChosen && this.documents(isPython).size > 0) {
      this.useOwnConnection();
    } else if (!this.companion) {
      this.openCompanion();
    }
    this.track();
  }

  /** Has the server know the documents that JupyterLab does not tell it of. */
  private track(): void {
    const opened = this.tracked?.track(this.documents((document) => this.isOursAlone(document))) ?? [];
    for (const document of opened.filter(isCheckpointJson)) {
      // JupyterLab reads an editor's text once a server is connected, and for JSON there need be none.
      const adapter = this.adapters().find(({ virtualDocument }) => virtualDocument === document);
      adapter?.updateDocuments().catch((reason: unknown) => {
        console.warn('Model Loupe: the text of a JSON file cannot be read.', reason);
      });
    }
  }

  private obstacle(): ServerState | null {
    const servers = this.manager.languageServerManager;
    if (!servers.isEnabled) {
      return 'disabled';
    }
    if (servers.statusCode === -1 || !this.settings.isLoaded) {
      return 'starting';
    }
    if (servers.statusCode !== 200) {
      return 'no-jupyter-lsp';
    }
    if (!servers.sessions.has(SERVER_KEY)) {
      return 'no-server';
    }
    return this.holds.size === 0 && this.documents(() => true).size === 0 ? 'no-document' : null;
  }

  /** Those of the open documents that the server knows of or shall know of. */
  private documents(which: (document: VirtualDocument) => boolean): Set<VirtualDocument> {
    const open = [...this.manager.documents.values()].filter((document) => !document.isDisposed);
    return new Set(open.filter((document) => (isPython(document) || isCheckpointJson(document)) && which(document)));
  }

  private ownConnection(): ILSPConnection | null {
    for (const connection of this.manager.connections.values()) {
      if (connection.serverIdentifier === SERVER_KEY && connection.isReady) {
        return connection;
      }
    }
    return null;
  }

  /** Takes up JupyterLab's; until it is there the companion stays, if there is one: the server ends with the last connection. */
  private useOwnConnection(): void {
    const connection = this.ownConnection();
    if (connection) {
      this.adopt(rpcOf(connection), 'ready', connection);
      this.closeCompanion();
    } else if (!this.companion) {
      this.adopt(null, 'connecting');
    }
  }

  private openCompanion(): void {
    const { settings } = this.manager.languageServerManager;
    const url = URLExt.join(settings.wsUrl, 'lsp', 'ws', SERVER_KEY);
    const companion = new Companion(url, PageConfig.getOption('rootUri'), settings);
    this.companion = companion;
    this.adopt(null, 'connecting');
    companion.rpc.closed.connect(() => {
      if (this.companion === companion) {
        this.adopt(null, 'lost');
      }
    });
    companion.ready.then(
      () => {
        if (this.companion === companion) {
          this.adopt(companion.rpc, 'ready');
        }
      },
      (reason: unknown) => {
        console.warn('Model Loupe: the language server could not be reached.', reason);
      },
    );
  }

  /** Tells the server the user's settings. Over its own connection JupyterLab has told a part of them before. */
  private configure(): void {
    // JupyterLab keeps its settings of all servers here, the newest too; the type forgets that none may be set.
    const all = this.manager.initialConfigurations as TLanguageServerConfigurations | undefined;
    const settings = this.settings.over((all?.[SERVER_KEY]?.configuration ?? {}) as ReadonlyJSONObject);
    this.rpc?.notify('workspace/didChangeConfiguration', { settings });
  }

  private closeCompanion(): void {
    const { companion } = this;
    this.companion = null;
    companion?.dispose();
  }

  /** Takes up a connection (or none) and tells those who care, if anything is different from before. */
  private adopt(rpc: Rpc | null, state: ServerState, connection: ILSPConnection | null = null): void {
    const source = connection ?? rpc;
    if (source === this.source && state === this.currentState) {
      return;
    }
    if (source !== this.source) {
      this.source = source;
      this.rpc = rpc;
      this.listening.dispose();
      this.listening = new DisposableSet();
      this.tracked?.dispose();
      this.tracked = rpc && new TrackedDocuments(rpc, PageConfig.getOption('rootUri'));
      if (rpc) {
        this.listen(rpc, connection);
        this.configure();
        this.track();
      }
    }
    this.currentState = state;
    this.stateSignal.emit(state);
  }

  private listen(rpc: Rpc, connection: ILSPConnection | null): void {
    this.listening.add(
      rpc.onNotification(DID_CHANGE, () => {
        this.modelsSignal.emit();
      }),
    );
    this.listening.add(
      rpc.onWork((token) => {
        const work = new ServerWork(rpc, token);
        this.listening.add(work);
        work.disposed.connect(() => this.listening.remove(work));
        this.workSignal.emit(work);
      }),
    );
    if (connection) {
      // This notification JupyterLab's connection has taken for itself; it passes it on.
      connection.serverNotifications['textDocument/publishDiagnostics'].connect(this.passOn, this);
      connection.closeSignal.connect(this.schedule, this);
    } else {
      this.listening.add(
        rpc.onNotification('textDocument/publishDiagnostics', (params) => {
          this.diagnosticsSignal.emit(params as PublishedDiagnostics);
        }),
      );
      this.listening.add(
        rpc.onNotification('window/showMessage', (params) => {
          this.messageSignal.emit((params as { message: string }).message);
        }),
      );
    }
  }

  private passOn(_: ILSPConnection, published: unknown): void {
    this.diagnosticsSignal.emit(published as PublishedDiagnostics);
  }

  private adapters(): WidgetLSPAdapter[] {
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- its successor does not know jupyterlab-lsp's
    return [...this.manager.adapters.values()];
  }

  /** Whether JupyterLab has connected an adapter's document to our server. */
  private isConnected({ virtualDocument }: WidgetLSPAdapter): boolean {
    const uri = virtualDocument?.uri;
    return uri !== undefined && this.manager.connections.get(uri)?.serverIdentifier === SERVER_KEY;
  }

  private async untilLeft(): Promise<void> {
    const servers = this.manager.languageServerManager;
    for (let attempt = 0; attempt < 20; attempt++) {
      await servers.fetchSessions();
      if (!servers.sessions.get(SERVER_KEY)?.handler_count) {
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  private currentState: ServerState = 'starting';
  private rpc: Rpc | null = null;
  private source: Rpc | ILSPConnection | null = null;
  private companion: Companion | null = null;
  private readonly holds = new Set<IDisposable>();
  private tracked: TrackedDocuments | null = null;
  private listening = new DisposableSet();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isRestarting = false;
  private disposed = false;
  private readonly stateSignal = new Signal<this, ServerState>(this);
  private readonly modelsSignal = new Signal<this, void>(this);
  private readonly workSignal = new Signal<this, ServerWork>(this);
  private readonly messageSignal = new Signal<this, string>(this);
  private readonly diagnosticsSignal = new Signal<this, PublishedDiagnostics>(this);
}

async function within<T>(milliseconds: number, answer: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(t('The language server has not answered for {0} s.', milliseconds / 1000)));
    }, milliseconds);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
