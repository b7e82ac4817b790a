/** What to do when the server's process ends by itself. */
import { CloseAction, ErrorAction, type CloseHandlerResult, type ErrorHandler, type ErrorHandlerResult } from 'vscode-languageclient/node';

const MOST_RESTARTS = 5;
const WITHIN_MS = 3 * 60_000;
const MOST_ERRORS = 3;

/**
 * Has the server started again, unless it keeps ending.
 *
 * The client's own handler does the same but also shows a notification of its own, beside the one of this
 * extension that offers what to do.
 */
export class Restarts implements ErrorHandler {
  private ends: number[] = [];

  closed(): CloseHandlerResult {
    const now = Date.now();
    this.ends = [...this.ends.filter((end) => now - end < WITHIN_MS), now];
    const action = this.ends.length > MOST_RESTARTS ? CloseAction.DoNotRestart : CloseAction.Restart;
    return { action, handled: true };
  }

  error(_error: Error, _message: unknown, count: number | undefined): ErrorHandlerResult {
    const action = count !== undefined && count <= MOST_ERRORS ? ErrorAction.Continue : ErrorAction.Shutdown;
    return { action, handled: true };
  }
}
