/** What went wrong with something that the user asked for. */
import { Notification } from '@jupyterlab/apputils';

/** Does it; a failure stays to be read until it is closed. */
export async function orTell(action: () => Promise<unknown>): Promise<void> {
  try {
    await action();
  } catch (reason) {
    const message = reason instanceof Error ? reason.message : String(reason);
    Notification.error(`Model Loupe: ${message}`, { autoClose: false });
  }
}
