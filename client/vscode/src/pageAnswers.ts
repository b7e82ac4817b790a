/** Answers what a page in a web view asks. */
import { messageOf, type StreamOptions } from '@model-loupe/core';
import * as vscode from 'vscode';

import type { PageRequest, PageResponse } from './pageMessages';

/** Answers one question; what is known before goes to the listeners of the options. */
export type Answer<Question> = (question: Question, options: StreamOptions<unknown>) => Promise<unknown>;

/** Listens to one page until it is disposed of; what is under way then is aborted. */
export class PageAnswers<Question> implements vscode.Disposable {
  private readonly asked = new Map<number, AbortController>();
  private readonly listening: vscode.Disposable;

  constructor(
    private readonly webview: vscode.Webview,
    private readonly answer: Answer<Question>
  ) {
    this.listening = webview.onDidReceiveMessage((request: PageRequest<Question>) => this.receive(request));
  }

  dispose(): void {
    this.listening.dispose();
    this.asked.forEach((each) => each.abort());
  }

  private async receive(request: PageRequest<Question>): Promise<void> {
    const { id } = request;
    if ('cancel' in request) {
      this.asked.get(id)?.abort();
      return;
    }
    const abort = new AbortController();
    this.asked.set(id, abort);
    const options: StreamOptions<unknown> = {
      signal: abort.signal,
      onPartial: (partial) => this.send({ id, partial }),
      onProgress: (progress) => this.send({ id, progress }),
    };
    try {
      this.send({ id, answer: await this.answer(request.question, options) });
    } catch (error) {
      this.send({ id, error: messageOf(error) });
    } finally {
      this.asked.delete(id);
    }
  }

  private send(response: PageResponse): void {
    void this.webview.postMessage(response);
  }
}
