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

import { findInterpreter, interpreterSetting } from './interpreter';
import { probe, pythonEnvironment, type Probe } from './python';
import { Restarts } from './restarts';
import type { ServerState } from './state';
import { stream } from './stream';
import { TraceLog } from './trace';

// The name of the section of settings, too: the client looks there for `trace.server`.
const ID = 'modelLoupe';

const DOCUMENTS: NonNullable<LanguageClientOptions['documentSelector']> = [
  { scheme: 'file', language: 'python' },
  { scheme: 'untitled', language: 'python' },
  { notebook: 'jupyter-notebook', language: 'python' },
  { notebook: 'interactive', language: 'python' },
];

/** Starts, stops and watches the server; requests go through it. */
export class LanguageServer implements StreamingTransport, vscode.Disposable {
  private client: LanguageClient | undefined;
  /** The interpreter that was tried last. */
  private interpreter: string | undefined;
  private current: ServerState = { kind: 'starting' };
  private work: Promise<void> = Promise.resolve();
  private readonly stateChange = new vscode.EventEmitter<ServerState>();
  private readonly modelsChange = new vscode.EventEmitter<void>();
  readonly onDidChangeState = this.stateChange.event;
  /** Models may have changed: ask again. */
  readonly onDidChangeModels = this.modelsChange.event;
  private readonly trace: TraceLog;

  constructor(private readonly log: vscode.LogOutputChannel) {
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

  /** Restart if another interpreter than the running server's is to be used by now. */
  followInterpreter(): Promise<void> {
    return this.inTurn(async () => {
      const wanted = await findInterpreter(this.log);
      if (this.current.kind === 'ready' && this.interpreter === wanted?.path) {
        return;
      }
      await this.stopClient();
      await this.startClient();
    });
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
    this.trace.dispose();
  }

  /** One start or stop at a time: a change of settings may come while another start is under way. */
  private inTurn(action: () => Promise<void>): Promise<void> {
    this.work = this.work.then(action).catch((error: unknown) => {
      this.log.error('Starting or stopping the language server failed:', error);
      this.become({ kind: 'failed', reason: error instanceof Error ? error.message : String(error) });
    });
    return this.work;
  }

  private running(): LanguageClient {
    if (!this.client || this.current.kind !== 'ready') {
      throw new Error('The language server is not running.');
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
    this.interpreter = interpreter.path;
    const found = await probe(interpreter.path);
    this.log.info(`Python from the ${interpreter.source}: ${interpreter.path}: ${JSON.stringify(found)}`);
    if (found.kind !== 'ready') {
      this.become({ ...found, python: interpreter.path });
      return;
    }
    await this.connect(interpreter.path, found);
  }

  private async connect(python: string, found: Extract<Probe, { kind: 'ready' }>): Promise<void> {
    const client = new LanguageClient(ID, 'Model Loupe', serverOptions(python), this.clientOptions());
    this.client = client;
    client.onNotification(DID_CHANGE, () => this.modelsChange.fire());
    client.onDidChangeState(({ newState }) => {
      if (client !== this.client) {
        return; // one that was told to stop
      }
      if (newState === State.Running) {
        this.become({ ...found, python });
      } else if (newState === State.Starting) {
        this.become({ kind: 'starting' });
      } else {
        // A client that starts its server again says so right after this.
        queueMicrotask(() => {
          if (client === this.client && client.state === newState) {
            this.become({ kind: 'failed', reason: 'it ended by itself, the log may say why.' });
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
    try {
      await client?.dispose();
    } catch (error) {
      // It did not start or did not say goodbye; its process is killed all the same.
      this.log.warn('The language server did not stop by itself:', error);
    }
  }

  private clientOptions(): LanguageClientOptions {
    return {
      documentSelector: DOCUMENTS,
      initializationOptions: { settings: settings() },
      outputChannel: this.log,
      traceOutputChannel: this.trace.channel,
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      // What a hover shows comes from files that anybody may have written.
      markdown: { isTrusted: false, supportHtml: false },
      initializationFailedHandler: () => false,
      errorHandler: new Restarts(),
      middleware: {
        workspace: {
          didChangeConfiguration: () =>
            this.client?.sendNotification(DidChangeConfigurationNotification.type, { settings: settings() }) ??
            Promise.resolve(),
        },
      },
    };
  }

  private become(state: ServerState): void {
    this.current = state;
    this.stateChange.fire(state);
  }
}

/** The section of settings as the server takes it: it does not know the editor's abbreviations for paths. */
function settings(): Record<string, unknown> {
  const section = JSON.parse(JSON.stringify(vscode.workspace.getConfiguration(ID))) as Record<string, unknown>;
  return { ...section, worker: { ...(section.worker as object), interpreter: interpreterSetting('worker.interpreter') } };
}

function serverOptions(python: string): ServerOptions {
  return { command: python, args: ['-m', 'model_loupe', 'serve'], options: { env: pythonEnvironment() } };
}
