/** Requests whose answer grows: partial results and progress, and an end when nobody waits any more. */
import { randomUUID } from 'node:crypto';

import { requestFailure, type StreamOptions } from '@model-loupe/core';
import * as vscode from 'vscode';
import { ProgressType, WorkDoneProgress, type LanguageClient } from 'vscode-languageclient/node';

export async function stream<T>(
  client: LanguageClient,
  method: string,
  params: object,
  { signal, onPartial, onProgress }: StreamOptions<T>
): Promise<T> {
  const tokens = { partialResultToken: randomUUID(), workDoneToken: randomUUID() };
  const cancellation = new vscode.CancellationTokenSource();
  const cancel = (): void => cancellation.cancel();
  signal.addEventListener('abort', cancel);
  const listening = vscode.Disposable.from(
    cancellation,
    client.onProgress(new ProgressType<T>(), tokens.partialResultToken, onPartial),
    client.onProgress(WorkDoneProgress.type, tokens.workDoneToken, (value) => {
      if (value.kind !== 'end') {
        onProgress(value);
      }
    })
  );
  try {
    return await client.sendRequest<T>(method, { ...params, ...tokens }, cancellation.token);
  } catch (reason) {
    throw requestFailure(reason);
  } finally {
    signal.removeEventListener('abort', cancel);
    listening.dispose();
  }
}
