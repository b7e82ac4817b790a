/** What went wrong with something that the user asked for. */
import { Notification } from '@jupyterlab/apputils';
import { messageOf } from '@model-loupe/core';

/** Does it; a failure stays to be read until it is closed. */
export async function orTell(action: () => Promise<unknown>): Promise<void> {
  try {
    await action();
  } catch (reason) {
    Notification.error(`Model Loupe: ${messageOf(reason)}`, { autoClose: false });
  }
}
