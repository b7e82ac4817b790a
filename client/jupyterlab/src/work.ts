/** Work that the server does for a while and tells of by itself: a download. */
import type { Progress } from '@model-loupe/core';
import type { IDisposable } from '@lumino/disposable';
import { Signal } from '@lumino/signaling';

import type { ProgressToken, Rpc } from './rpc';

/** As `$/progress` brings it; the title comes with the first. */
interface WorkDoneProgress extends Progress {
  readonly kind: 'begin' | 'report' | 'end';
  readonly title?: string;
}

/** One piece of work, until it has ended or its connection has. */
export class ServerWork implements IDisposable {
  constructor(
    private readonly rpc: Rpc,
    private readonly token: ProgressToken,
  ) {
    this.listening = rpc.onProgress(token, (value) => this.tell(value as WorkDoneProgress));
  }

  /** How far it is, under the title that it began with. */
  readonly reported = new Signal<this, Progress & { readonly title: string }>(this);
  readonly disposed = new Signal<this, void>(this);

  get isDisposed(): boolean {
    return this.listening.isDisposed;
  }

  /** Has the server end it; it has ended once the server says so. */
  cancel(): void {
    this.rpc.notify('window/workDoneProgress/cancel', { token: this.token });
  }

  dispose(): void {
    if (!this.isDisposed) {
      this.listening.dispose();
      this.disposed.emit();
      Signal.clearData(this);
    }
  }

  private tell(value: WorkDoneProgress): void {
    if (value.kind === 'end') {
      this.dispose();
    } else {
      this.title = value.title ?? this.title;
      this.reported.emit({ ...value, title: this.title });
    }
  }

  private title = '';
  private readonly listening: IDisposable;
}
