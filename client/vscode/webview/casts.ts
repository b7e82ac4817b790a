/** The page of cast previews in a web view; what it asks goes to the extension as messages. */
import '../../core/style/casts.css';

import type { CastEdit, CastPreview, CastSubject } from '@model-loupe/core';
import { CastPage, type CastHost } from '@model-loupe/core/page';

import type { CastQuestion, CastRequest, CastResponse } from '../src/castMessages';

interface Waiting {
  answer(value: unknown): void;
  fail(reason: Error): void;
  partial?(value: unknown): void;
  progress?(value: Extract<CastResponse, { progress: unknown }>['progress']): void;
}

const vscode = acquireVsCodeApi();
const waiting = new Map<number, Waiting>();
let count = 0;

function send(request: CastRequest): void {
  vscode.postMessage(request);
}

function ask<T>(question: CastQuestion, listener: Pick<Waiting, 'partial' | 'progress'> = {}, signal?: AbortSignal): Promise<T> {
  count += 1;
  const id = count;
  signal?.addEventListener('abort', () => send({ id, cancel: true }));
  return new Promise((resolve, reject) => {
    waiting.set(id, { ...listener, answer: (value) => resolve(value as T), fail: reject });
    send({ id, question });
  });
}

function receive(message: CastResponse): void {
  const asked = waiting.get(message.id);
  if ('partial' in message) {
    asked?.partial?.(message.partial);
  } else if ('progress' in message) {
    asked?.progress?.(message.progress);
  } else {
    waiting.delete(message.id);
    if ('error' in message) {
      asked?.fail(new Error(message.error));
    } else {
      asked?.answer(message.answer);
    }
  }
}

function start(root: HTMLElement): void {
  const subject = JSON.parse(root.dataset.subject ?? '{}') as CastSubject;
  vscode.setState(subject);
  const host: CastHost = {
    preview: (params, { signal, onPartial, onProgress }) => {
      const listener = { partial: (value: unknown) => onPartial(value as CastPreview), progress: onProgress };
      return ask({ kind: 'preview', params }, listener, signal);
    },
    edit: subject.place && ((dtype) => ask<CastEdit>({ kind: 'edit', dtype })),
    apply: (edit) => ask({ kind: 'apply', edit }),
    reveal: (path) => ask({ kind: 'reveal', path }),
  };
  window.addEventListener('message', ({ data }) => receive(data as CastResponse));
  new CastPage(root, host, subject.model);
}

const root = document.getElementById('page');
if (root) {
  start(root);
}
