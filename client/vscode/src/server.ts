/** The language server's process and the connection to it. */
import { messageOf, type StreamingTransport, type StreamOptions, type WorkspaceEdit } from '@model-loupe/core';
import * as vscode from 'vscode';

import type { Connection } from './connection';
import { findInterpreter, interpreterSetting, serverPython, type Interpreter } from './interpreter';
import { probe } from './python';
import type { ReadyState, ServerState } from './state';
import { statusText } from './status';
import { TraceLog } from './trace';
import { Work } from './work';

const ID = 'modelLoupe';

/** Starts, stops and watches the server; requests go through it. */
export class LanguageServer implements StreamingTransport, vscode.Disposable {
  private connection: Connection | undefined;
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
      await this.stop();
      await this.start();
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
      await this.stop();
      await this.start();
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
    return this.running().request<T>(method, params);
  }

  async stream<T>(method: string, params: object, options: StreamOptions<T>): Promise<T> {
    return this.running().stream(method, params, options);
  }

  /** An edit that the server made, as VS Code has it. */
  async toWorkspaceEdit(edit: WorkspaceEdit): Promise<vscode.WorkspaceEdit> {
    return this.running().toWorkspaceEdit(edit);
  }

  async dispose(): Promise<void> {
    await this.inTurn(() => this.stop());
    this.stateChange.dispose();
    this.modelsChange.dispose();
    this.work.dispose();
    this.trace.dispose();
  }

  /** One start or stop at a time: a change of settings may come while another start is under way. */
  private inTurn(action: () => Promise<void>): Promise<void> {
    this.turn = this.turn.then(action).catch((error: unknown) => {
      this.log.error('Starting or stopping the language server failed:', error);
      this.become({ kind: 'failed', reason: messageOf(error) });
    });
    return this.turn;
  }

  private running(): Connection {
    if (!this.connection || this.current.kind !== 'ready') {
      throw new Error(vscode.l10n.t('The language server is not running.'));
    }
    return this.connection;
  }

  private async start(): Promise<void> {
    if (!vscode.workspace.isTrusted) {
      this.become({ kind: 'untrusted' });
      return;
    }
    this.become({ kind: 'starting' });
    const interpreter = await findInterpreter(this.log);
    if (!interpreter) {
      this.become({ kind: 'no-python' });
      return;
    }
    const { path: python, source } = interpreter;
    this.interpreter = python;
    // What connects is loaded while the interpreter answers.
    const [found] = await Promise.all([probe(python), import('./connection')]);
    this.log.info(`Python from the ${source}: ${python}: ${JSON.stringify(found)}`);
    if (found.kind === 'broken-python') {
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
    if (found.kind === 'broken-python') {
      return false;
    }
    this.log.info(`Python from the ${source}: ${path}: ${JSON.stringify(found)}`);
    this.interpreter = path;
    this.ready = { ...ready, python: path, version: found.version };
    this.become(this.ready);
    await this.connection?.sendSettings();
    return true;
  }

  private async connect(python: string): Promise<void> {
    const { Connection } = await import('./connection');
    this.connection = new Connection({
      id: ID,
      python,
      program: this.program,
      log: this.log,
      trace: this.trace.channel,
      settings: () => this.settings(),
      onState: (state) => this.follow(state),
      onModelsChange: () => this.modelsChange.fire(),
      during: (request) => this.work.during(request),
    });
    try {
      await this.connection.start();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  private follow(connection: 'starting' | 'running' | 'ended'): void {
    if (connection === 'ended') {
      this.become({ kind: 'failed', reason: vscode.l10n.t('it ended by itself, the log may say why.') });
    } else if (connection === 'starting') {
      this.become({ kind: 'starting' });
    } else if (this.ready) {
      this.log.info('The language server runs.');
      this.become(this.ready);
    }
  }

  private async stop(): Promise<void> {
    const { connection } = this;
    this.connection = undefined;
    this.interpreter = undefined;
    this.ready = undefined;
    try {
      await connection?.dispose();
    } catch (error) {
      // It did not start or did not say goodbye; its process is killed all the same.
      this.log.warn('The language server did not stop by itself:', error);
    }
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
