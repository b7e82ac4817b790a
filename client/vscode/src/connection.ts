/**
 * The connection to a server's process. This module alone loads the language client, which takes longer than all
 * else that the extension loads: it is a bundle of its own, imported once the extension is active.
 */
import { DID_CHANGE, type StreamOptions, type WorkspaceEdit } from '@model-loupe/core';
import * as vscode from 'vscode';
import {
  CloseAction,
  DidChangeConfigurationNotification,
  ErrorAction,
  LanguageClient,
  RevealOutputChannelOn,
  State,
  type ErrorHandler,
  type LanguageClientOptions,
  type WorkspaceEdit as LspWorkspaceEdit,
} from 'vscode-languageclient/node';

import { pythonEnvironment } from './python';
import { Restarts } from './restarts';
import { stream } from './stream';

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

export interface ConnectionOptions {
  /** The name of the section of settings, too: the client looks there for `trace.server`. */
  readonly id: string;
  /** The interpreter that runs the server, and the folder that it runs. */
  readonly python: string;
  readonly program: string;
  readonly log: vscode.LogOutputChannel;
  readonly trace: vscode.LogOutputChannel;
  /** The settings for the server, as they are by now. */
  readonly settings: () => Record<string, unknown>;
  readonly onState: (state: 'starting' | 'running' | 'ended') => void;
  readonly onModelsChange: () => void;
  /** Told of each request. */
  readonly during: <T>(request: Promise<T>) => Promise<T>;
}

/** Writes errors to the log alone: this extension's own notification says what to do, and once. */
class QuietClient extends LanguageClient {
  override error(message: string, data?: unknown): void {
    super.error(message, data, false);
  }
}

/** One server, started again when it ends by itself; nothing is told of it once it is disposed of. */
export class Connection {
  private readonly client: LanguageClient;
  private hasRun = false;
  private isDisposed = false;

  constructor(private readonly options: ConnectionOptions) {
    const { id, python, program } = options;
    const run = { command: python, args: [program, 'serve'], options: { env: pythonEnvironment() } };
    this.client = new QuietClient(id, 'Model Loupe', run, this.clientOptions());
    this.client.onNotification(DID_CHANGE, options.onModelsChange);
    this.client.onDidChangeState(({ newState }) => this.follow(newState));
  }

  start(): Promise<void> {
    return this.client.start();
  }

  /** Rejects if the server does not say goodbye; its process is killed all the same. */
  async dispose(): Promise<void> {
    this.isDisposed = true;
    await this.client.dispose();
  }

  request<T>(method: string, params: unknown): Promise<T> {
    return this.client.sendRequest<T>(method, params);
  }

  stream<T>(method: string, params: object, options: StreamOptions<T>): Promise<T> {
    return stream(this.client, method, params, options);
  }

  sendSettings(): Promise<void> {
    const settings = this.options.settings();
    return this.client.sendNotification(DidChangeConfigurationNotification.type, { settings });
  }

  /** An edit that the server made, as VS Code has it. */
  toWorkspaceEdit(edit: WorkspaceEdit): Promise<vscode.WorkspaceEdit> {
    return this.client.protocol2CodeConverter.asWorkspaceEdit(edit as LspWorkspaceEdit);
  }

  private clientOptions(): LanguageClientOptions {
    const { settings, log, trace, during } = this.options;
    return {
      documentSelector: DOCUMENTS,
      // Asked for at each start, also of a server that is started again after it died.
      initializationOptions: () => ({ settings: settings() }),
      outputChannel: log,
      traceOutputChannel: trace,
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      // What a hover shows comes from files that anybody may have written.
      markdown: { isTrusted: false, supportHtml: false },
      initializationFailedHandler: () => false,
      errorHandler: this.errorHandler(),
      middleware: {
        sendRequest: (type, params, token, next) => during(next(type, params, token)),
        workspace: { didChangeConfiguration: () => this.sendSettings() },
      },
    };
  }

  /** Has a server that ended started again, unless it keeps ending or never ran. */
  private errorHandler(): ErrorHandler {
    const restarts = new Restarts();
    return {
      closed: () => ({
        action: this.hasRun && restarts.another(Date.now()) ? CloseAction.Restart : CloseAction.DoNotRestart,
        handled: true,
      }),
      // Writes to a server that ended fail, and may be many, before its end is noticed: `closed` decides.
      error: () => ({ action: ErrorAction.Continue, handled: true }),
    };
  }

  private follow(state: State): void {
    const { onState } = this.options;
    if (this.isDisposed) {
      return;
    }
    if (state === State.Running) {
      this.hasRun = true;
      onState('running');
    } else if (state === State.Starting) {
      onState('starting');
    } else {
      // A client that starts its server again says so right after this.
      queueMicrotask(() => {
        if (!this.isDisposed && this.client.state === state) {
          onState('ended');
        }
      });
    }
  }
}
