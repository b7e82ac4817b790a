/** Whether an answer of the server is waited for, for long enough that somebody may wonder. */
import * as vscode from 'vscode';

// What takes less is not seen as work.
const NOTICED_MS = 400;

/** Counts the requests under way. */
export class Work implements vscode.Disposable {
  private requests = 0;
  private noticed = false;
  private timer: NodeJS.Timeout | undefined;
  private readonly change = new vscode.EventEmitter<void>();
  readonly onDidChange = this.change.event;

  get isUnderWay(): boolean {
    return this.noticed;
  }

  /** Count a request until it is answered. */
  async during<T>(request: Promise<T>): Promise<T> {
    this.requests += 1;
    this.timer ??= setTimeout(() => this.notice(true), NOTICED_MS);
    try {
      return await request;
    } finally {
      this.requests -= 1;
      if (this.requests === 0) {
        clearTimeout(this.timer);
        this.timer = undefined;
        this.notice(false);
      }
    }
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.change.dispose();
  }

  private notice(noticed: boolean): void {
    if (this.noticed !== noticed) {
      this.noticed = noticed;
      this.change.fire();
    }
  }
}
