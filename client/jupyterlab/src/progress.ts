/** Work under way, as a notification with a bar and a button that cancels it. */
import { Notification } from '@jupyterlab/apputils';
import { t, type Progress } from '@model-loupe/core';
import type { IDisposable } from '@lumino/disposable';

import type { ServerWork } from './work';

export class ProgressNotification implements IDisposable {
  /** @param cancel - called when the user presses the button, which also closes the notification */
  constructor(
    private readonly title: string,
    cancel: () => void,
  ) {
    const callback = (): void => {
      this.cancelled = true;
      cancel();
    };
    this.actions = [{ label: t('Cancel'), callback }];
    this.id = Notification.emit(title, 'in-progress', { progress: 0, autoClose: false, actions: this.actions });
  }

  get isDisposed(): boolean {
    return this.disposed;
  }

  report({ percentage, message }: Progress): void {
    if (!this.cancelled && percentage !== undefined) {
      const said = [this.title, message].filter(Boolean).join(': ');
      Notification.update({ id: this.id, message: said, progress: percentage / 100, actions: this.actions });
    }
  }

  dispose(): void {
    if (!this.disposed) {
      this.disposed = true;
      Notification.dismiss(this.id);
    }
  }

  private cancelled = false;
  private disposed = false;
  private readonly id: string;
  private readonly actions: Notification.IAction[];
}

/** Shows work of the server's until it has ended. */
export function showWork(work: ServerWork): void {
  let shown: ProgressNotification | undefined;
  work.reported.connect((_, progress) => {
    shown ??= new ProgressNotification(progress.title, () => work.cancel());
    shown.report(progress);
  });
  work.disposed.connect(() => shown?.dispose());
}
