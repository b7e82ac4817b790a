/** JSON-RPC with a language server, over a connection of jupyterlab-lsp's or over a web socket of our own. */
import type { ILSPConnection } from '@jupyterlab/lsp';
import { requestFailure, ServerEnded, t } from '@model-loupe/core';
import { UUID } from '@lumino/coreutils';
import { DisposableDelegate, type IDisposable } from '@lumino/disposable';
import { Signal, type ISignal } from '@lumino/signaling';

export type ProgressToken = number | string;

/** What is asked of a language server, whatever carries it. */
export interface Rpc {
  /** @param signal - aborted when nobody waits for the answer any more: the server is told */
  request(method: string, params: unknown, signal?: AbortSignal): Promise<unknown>;
  notify(method: string, params: unknown): void;
  onNotification(method: string, handler: (params: unknown) => void): IDisposable;
  /** What the server says under a token that a request gave it, or that it gave itself. */
  onProgress(token: ProgressToken, handler: (value: unknown) => void): IDisposable;
  /** The server begins work that no request waits for: it will tell of it under this token. */
  onWork(handler: (token: ProgressToken) => void): IDisposable;
}

/** How the server asks whether it may tell of work that no request waits for. */
const CREATE_PROGRESS = 'window/workDoneProgress/create';

interface CreateProgress {
  readonly token: ProgressToken;
}

/** An answer that is an error, as the server put it. */
export class ResponseError extends Error {
  constructor(
    message: string,
    readonly code: number,
  ) {
    super(message);
  }
}

/** The part of vscode-jsonrpc's MessageConnection that is used here. */
interface MessageConnection {
  sendRequest(method: string, params: unknown, cancellation: CancellationToken): Promise<unknown>;
  sendNotification(method: string, params: unknown): Promise<void>;
  onNotification(method: string, handler: (params: unknown) => void): { dispose(): void };
  onRequest(method: string, handler: (params: unknown) => unknown): { dispose(): void };
  /** Its type is for the compiler alone. */
  onProgress(type: object, token: ProgressToken, handler: (value: unknown) => void): { dispose(): void };
}

interface CancellationToken {
  readonly isCancellationRequested: boolean;
  onCancellationRequested(listener: () => void): { dispose(): void };
}

/**
 * The JSON-RPC connection inside one of JupyterLab's.
 *
 * JupyterLab declares it `protected` and offers no other way to send a request that it does not know itself.
 */
export function rpcOf(connection: ILSPConnection): Rpc {
  const inner = (connection as unknown as { connection: MessageConnection }).connection;
  return {
    request: async (method, params, signal) => {
      try {
        return await inner.sendRequest(method, params, cancellationToken(signal));
      } catch (reason) {
        throw requestFailure(reason);
      }
    },
    notify: (method, params) => {
      inner.sendNotification(method, params).catch((reason: unknown) => {
        console.warn(`Model Loupe: ${method} could not be sent.`, reason);
      });
    },
    onNotification: (method, handler) => disposable(inner.onNotification(method, handler)),
    onProgress: (token, handler) => disposable(inner.onProgress({}, token, handler)),
    onWork: (handler) =>
      disposable(
        inner.onRequest(CREATE_PROGRESS, (params) => {
          handler((params as CreateProgress).token);
          return null;
        }),
      ),
  };
}

function disposable(registration: { dispose(): void }): IDisposable {
  return new DisposableDelegate(() => {
    registration.dispose();
  });
}

function cancellationToken(signal: AbortSignal | undefined): CancellationToken {
  return {
    get isCancellationRequested() {
      return signal?.aborted === true;
    },
    onCancellationRequested: (listener) => {
      signal?.addEventListener('abort', listener);
      return { dispose: () => signal?.removeEventListener('abort', listener) };
    },
  };
}

interface Message {
  id?: number | string | null;
  method?: string;
  params?: unknown;
  result?: unknown;
  error?: { code: number; message: string };
}

interface Pending {
  resolve(result: unknown): void;
  reject(reason: Error): void;
}

const METHOD_NOT_FOUND = -32601;

function closed(): string {
  return t('The connection to the language server was closed.');
}

/** JSON-RPC over a web socket of jupyter-lsp, which carries one message a frame. */
export class SocketRpc implements Rpc, IDisposable {
  constructor(private readonly socket: WebSocket) {
    this.opened = new Promise((resolve, reject) => {
      socket.addEventListener('open', () => {
        resolve();
      });
      socket.addEventListener('close', () => {
        reject(new Error(closed()));
      });
    });
    // Whoever waits for it hears of it; nobody has to.
    this.opened.catch(() => undefined);
    socket.addEventListener('message', this.receive);
    socket.addEventListener('close', this.onClose);
  }

  /** Resolved once messages can be sent. */
  readonly opened: Promise<void>;

  get isDisposed(): boolean {
    return this.disposed;
  }

  /** The socket was closed, by whichever side. */
  get closed(): ISignal<this, void> {
    return this.closedSignal;
  }

  async request(method: string, params: unknown, signal?: AbortSignal): Promise<unknown> {
    this.count += 1;
    const id = `${this.prefix}/${this.count}`;
    const cancel = (): void => this.notify('$/cancelRequest', { id });
    signal?.addEventListener('abort', cancel);
    try {
      return await new Promise((resolve, reject) => {
        this.pending.set(id, { resolve, reject });
        this.send({ id, method, params });
      });
    } finally {
      signal?.removeEventListener('abort', cancel);
    }
  }

  notify(method: string, params: unknown): void {
    this.send({ method, params });
  }

  onNotification(method: string, handler: (params: unknown) => void): IDisposable {
    const handlers = this.handlers.get(method) ?? new Set();
    this.handlers.set(method, handlers.add(handler));
    return new DisposableDelegate(() => handlers.delete(handler));
  }

  onWork(handler: (token: ProgressToken) => void): IDisposable {
    return this.onNotification(CREATE_PROGRESS, (params) => handler((params as CreateProgress).token));
  }

  onProgress(token: ProgressToken, handler: (value: unknown) => void): IDisposable {
    return this.onNotification('$/progress', (params) => {
      const progress = params as { token: unknown; value: unknown };
      if (progress.token === token) {
        handler(progress.value);
      }
    });
  }

  dispose(): void {
    if (!this.disposed) {
      this.disposed = true;
      this.socket.removeEventListener('close', this.onClose);
      this.socket.close();
      this.end(new ServerEnded(closed()));
      Signal.clearData(this);
    }
  }

  private send(message: Message): void {
    if (this.socket.readyState !== WebSocket.OPEN) {
      if (message.id != null && message.method) {
        this.settle(message.id, { error: { code: 0, message: t('The language server is not connected.') } });
      }
      return;
    }
    this.socket.send(JSON.stringify({ jsonrpc: '2.0', ...message }));
  }

  private readonly receive = (event: MessageEvent): void => {
    const message = JSON.parse(String(event.data)) as Message;
    if (message.method === undefined) {
      this.settle(message.id ?? '', message);
    } else if (message.id == null) {
      this.tell(message.method, message.params);
    } else {
      this.answer(message.id, message.method, message.params);
    }
  };

  private tell(method: string, params: unknown): void {
    for (const handler of this.handlers.get(method) ?? []) {
      handler(params);
    }
  }

  private settle(id: number | string, answer: Message): void {
    // jupyter-lsp sends every answer to every page that is connected: the others' are not ours.
    const pending = this.pending.get(String(id));
    if (!pending) {
      return;
    }
    this.pending.delete(String(id));
    if (answer.error) {
      pending.reject(new ResponseError(answer.error.message, answer.error.code));
    } else {
      pending.resolve(answer.result);
    }
  }

  /** What the server asks of us. */
  private answer(id: number | string, method: string, params: unknown): void {
    switch (method) {
      case 'workspace/configuration':
        this.send({ id, result: (params as { items: unknown[] }).items.map(() => null) });
        break;
      case 'client/registerCapability':
      case 'client/unregisterCapability':
        this.send({ id, result: null });
        break;
      case CREATE_PROGRESS:
        this.tell(method, params);
        this.send({ id, result: null });
        break;
      default:
        this.send({ id, error: { code: METHOD_NOT_FOUND, message: `Not supported: ${method}` } });
    }
  }

  private readonly onClose = (): void => this.end(new Error(closed()));

  private end(reason: Error): void {
    for (const { reject } of this.pending.values()) {
      reject(reason);
    }
    this.pending.clear();
    this.closedSignal.emit();
  }

  // Unlike a bare number it cannot meet the id of another page's request to the same server.
  private readonly prefix = UUID.uuid4();
  private count = 0;
  private disposed = false;
  private readonly pending = new Map<string, Pending>();
  private readonly handlers = new Map<string, Set<(params: unknown) => void>>();
  private readonly closedSignal = new Signal<this, void>(this);
}
