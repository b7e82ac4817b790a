/** The language server's process and the connection to it. */
import { DID_CHANGE, type StreamingTransport, type StreamOptions, type WorkspaceEdit } from '@model-loupe/core';
import * as vscode from 'vscode';
import {
  DidChangeConfigurationNotification,
  LanguageClient,
  RevealOutputChannelOn,
  State,
  type LanguageClientOptions,
  type ServerOptions,
  type WorkspaceEdit as LspWorkspaceEdit,
} from 'vscode-languageclient/node';

import { findInterpreter, interpreterSetting, serverPython, type Interpreter } from './interpreter';
import { probe, pythonEnvironment } from './python';
import { Restarts } from './restarts';
import type { ReadyState, ServerState } from './state';
import { statusText } from './status';
import { stream } from './stream';
import { TraceLog } from './trace';
import { Work } from './work';

// The name of the section of settings, too: the client looks there for `trace.server`.
const ID = 'modelLoupe';

const DOCUMENTS: NonNullable<LanguageClientOptions['documentSelector']> = [
  { scheme: 'file', language: 'python' },
  { scheme: 'untitled', language: 'python' },
  { notebook: 'jupyter-notebook', language: 'python' },
  { notebook: 'interactive', language: 'python' },
  // The server looks whether such a file is a checkpoint's.
  {
    scheme: 'file',
    pattern: '**/{config,generation_config,tokenizer_config,adapter_config,quantization_config,model.safetensors.index}.json',
  },
];

/** Starts, stops and watches the server; requests go through it. */
export class LanguageServer implements StreamingTransport, vscode.Disposable {
  private client: LanguageClient | undefined;
  /** The path of the user's interpreter, as it was found last. */
  private interpreter: string | undefined;
  private current: ServerState = { kind: 'starting' };
  /** What the state is while the server runs. */
  private ready: ReadyState | undefined;
  private turn: Promise<void> = Promise.resolve();
  private readonly stateChange = new vscode.EventEmitter<ServerState>();
  private readonly modelsChange = new vscode.EventEmitter<void>();
  readonly onDidChangeState = this.stateChange.event;
  /** Models may have changed: ask again. */
  readonly onDidChangeModels = this.modelsChange.event;
  /** Whether an answer is waited for. */
  readonly work = new Work();
  private readonly trace: TraceLog;

  /** `program` is the folder that Python runs as the server. */
  constructor(
    readonly program: string,
    private readonly log: vscode.LogOutputChannel
  ) {
    this.trace = new TraceLog(log);
  }

  get state(): ServerState {
    return this.current;
  }

  /** Start with the interpreter that is to be used now; stop a server that runs. */
  restart(): Promise<void> {
    return this.inTurn(async () => {
      await this.stopClient();
      await this.startClient();
    });
  }

  /** Go by the interpreter that is to be used by now: a server that runs stays, and starts its worker anew. */
  followInterpreter(): Promise<void> {
    return this.inTurn(async () => {
      const wanted = await findInterpreter(this.log);
      if (this.ready && this.current.kind === 'ready') {
        if (this.interpreter === wanted?.path || (wanted && (await this.changeInterpreter(wanted, this.ready)))) {
          return;
        }
      }
      await this.stopClient();
      await this.startClient();
    });
  }

  /** Resolves once the server runs; rejects with what keeps it from that. */
  async whenReady(): Promise<void> {
    while (this.current.kind === 'starting') {
      await new Promise<void>((resolve) => {
        const listening = this.onDidChangeState(() => {
          listening.dispose();
          resolve();
        });
      });
    }
    if (this.current.kind !== 'ready') {
      throw new Error(statusText(this.current));
    }
  }

  async request<T>(method: string, params: unknown): Promise<T> {
    return this.running().sendRequest<T>(method, params);
  }

  async stream<T>(method: string, params: object, options: StreamOptions<T>): Promise<T> {
    return stream(this.running(), method, params, options);
  }

  /** An edit that the server made, as VS Code has it. */
  async toWorkspaceEdit(edit: WorkspaceEdit): Promise<vscode.WorkspaceEdit> {
    return this.running().protocol2CodeConverter.asWorkspaceEdit(edit as LspWorkspaceEdit);
  }

  async dispose(): Promise<void> {
    await this.inTurn(() => this.stopClient());
    this.stateChange.dispose();
    this.modelsChange.dispose();
    this.work.dispose();
    this.trace.dispose();
  }

  /** One start or stop at a time: a change of settings may come while another start is under way. */
  private inTurn(action: () => Promise<void>): Promise<void> {
    this.turn = this.turn.then(action).catch((error: unknown) => {
      this.log.error('Starting or stopping the language server failed:', error);
      this.become({ kind: 'failed', reason: error instanceof Error ? error.message : String(error) });
    });
    return this.turn;
  }

  private running(): LanguageClient {
    if (!this.client || this.current.kind !== 'ready') {
      throw new Error(vscode.l10n.t('The language server is not running.'));
    }
    return this.client;
  }

  private async startClient(): Promise<void> {
    if (!vscode.workspace.isTrusted) {
      this.become({ kind: 'untrusted' });
      return;
    }
    this.become({ kind: 'starting' });
    const interpreter = await findInterpreter(this.log);
    if (!interpreter) {
      this.become({ kind: 'no-python', python: undefined, reason: '' });
      return;
    }
    const { path: python, source } = interpreter;
    this.interpreter = python;
    const found = await probe(python);
    this.log.info(`Python from the ${source}: ${python}: ${JSON.stringify(found)}`);
    if (found.kind === 'no-python') {
      this.become({ ...found, python });
      return;
    }
    const runs = found.kind === 'found' ? found.python : await serverPython();
    if (runs === undefined) {
      this.become({ kind: 'old-python', python, version: found.version });
      return;
    }
    this.ready = { kind: 'ready', python, version: found.version, runs };
    await this.connect(runs);
  }

  /** Have the running server ask another interpreter's libraries; false if that one does not run. */
  private async changeInterpreter({ path, source }: Interpreter, ready: ReadyState): Promise<boolean> {
    const found = await probe(path);
    if (found.kind === 'no-python') {
      return false;
    }
    this.log.info(`Python from the ${source}: ${path}: ${JSON.stringify(found)}`);
    this.interpreter = path;
    this.ready = { ...ready, python: path, version: found.version };
    this.become(this.ready);
    await this.sendSettings();
    return true;
  }

  private async connect(python: string): Promise<void> {
    const client = new LanguageClient(ID, 'Model Loupe', this.serverOptions(python), this.clientOptions());
    this.client = client;
    client.onNotification(DID_CHANGE, () => this.modelsChange.fire());
    client.onDidChangeState(({ newState }) => {
      if (client !== this.client) {
        return; // one that was told to stop
      }
      if (newState === State.Running && this.ready) {
        this.become(this.ready);
      } else if (newState === State.Starting) {
        this.become({ kind: 'starting' });
      } else {
        // A client that starts its server again says so right after this.
        queueMicrotask(() => {
          if (client === this.client && client.state === newState) {
            this.become({ kind: 'failed', reason: vscode.l10n.t('it ended by itself, the log may say why.') });
          }
        });
      }
    });
    await client.start();
  }

  private async stopClient(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    this.interpreter = undefined;
    this.ready = undefined;
    try {
      await client?.dispose();
    } catch (error) {
      // It did not start or did not say goodbye; its process is killed all the same.
      this.log.warn('The language server did not stop by itself:', error);
    }
  }

  private serverOptions(python: string): ServerOptions {
    return { command: python, args: [this.program, 'serve'], options: { env: pythonEnvironment() } };
  }

  private clientOptions(): LanguageClientOptions {
    return {
      documentSelector: DOCUMENTS,
      // Asked for at each start, also of a server that is started again after it died.
      initializationOptions: () => ({ settings: this.settings() }),
      outputChannel: this.log,
      traceOutputChannel: this.trace.channel,
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      // What a hover shows comes from files that anybody may have written.
      markdown: { isTrusted: false, supportHtml: false },
      initializationFailedHandler: () => false,
      errorHandler: new Restarts(),
      middleware: {
        sendRequest: (type, params, token, next) => this.work.during(next(type, params, token)),
        workspace: { didChangeConfiguration: () => this.sendSettings() },
      },
    };
  }

  private async sendSettings(): Promise<void> {
    await this.client?.sendNotification(DidChangeConfigurationNotification.type, { settings: this.settings() });
  }

  /** The section of settings as the server takes it: it does not know which interpreter is the user's. */
  private settings(): Record<string, unknown> {
    const section = JSON.parse(JSON.stringify(vscode.workspace.getConfiguration(ID))) as Record<string, unknown>;
    const interpreter = interpreterSetting('worker.interpreter') || this.interpreter;
    return { ...section, worker: { ...(section.worker as object), interpreter } };
  }

  private become(state: ServerState): void {
    this.current = state;
    this.stateChange.fire(state);
  }
}
