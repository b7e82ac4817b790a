/** What went wrong with something that the user asked for. */
import { Notification } from '@jupyterlab/apputils';
import { messageOf } from '@model-loupe/core';

/** Does it; a failure stays to be read until it is closed. */
export async function orTell(action: () => Promise<unknown>): Promise<void> {
  try {
    await action();
  } catch (reason) {
    tellFailure(messageOf(reason));
  }
}

/** Has it stay to be read until it is closed. */
export function tellFailure(message: string): void {
  Notification.error(`Model Loupe: ${message}`, { autoClose: false });
}
