/** Carries a page's questions to the extension, as messages. */
import type { StreamOptions } from '@model-loupe/core';

import type { PageRequest, PageResponse } from '../src/pageMessages';

interface Waiting extends Partial<Omit<StreamOptions<unknown>, 'signal'>> {
  answer(value: unknown): void;
  fail(reason: Error): void;
}

export class Channel<Question> {
  private readonly vscode = acquireVsCodeApi();
  private readonly waiting = new Map<number, Waiting>();
  private count = 0;

  constructor() {
    window.addEventListener('message', ({ data }) => this.receive(data as PageResponse | { id?: undefined }));
  }

  /** What the page is given again when VS Code brings it back. */
  keep(state: unknown): void {
    this.vscode.setState(state);
  }

  /** Rejects with what keeps the extension from answering. */
  ask<T>(question: Question, options: Partial<StreamOptions<T>> = {}): Promise<T> {
    this.count += 1;
    const id = this.count;
    const { signal, ...listeners } = options as Partial<StreamOptions<unknown>>;
    signal?.addEventListener('abort', () => this.send({ id, cancel: true }));
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { ...listeners, answer: (value) => resolve(value as T), fail: reject });
      this.send({ id, question });
    });
  }

  private send(request: PageRequest<Question>): void {
    this.vscode.postMessage(request);
  }

  private receive(message: PageResponse | { id?: undefined }): void {
    if (message.id === undefined) {
      return; // not an answer
    }
    const asked = this.waiting.get(message.id);
    if ('partial' in message) {
      asked?.onPartial?.(message.partial);
    } else if ('progress' in message) {
      asked?.onProgress?.(message.progress);
    } else {
      this.waiting.delete(message.id);
      if ('error' in message) {
        asked?.fail(new Error(message.error));
      } else {
        asked?.answer(message.answer);
      }
    }
  }
}
