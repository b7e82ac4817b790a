/** Read-only documents whose text is an answer of the server. */
import { messageOf } from '@model-loupe/core';
import * as vscode from 'vscode';

import type { LanguageServer } from './server';

/** Provides the documents of one scheme, and asks anew for those that are open when there may be another answer. */
export abstract class AnsweredDocuments implements vscode.TextDocumentContentProvider, vscode.Disposable {
  private readonly change = new vscode.EventEmitter<vscode.Uri>();
  private readonly subscriptions: vscode.Disposable;
  readonly onDidChange = this.change.event;

  /** `literal` makes of a sentence what shows it in a document of this kind. */
  constructor(
    protected readonly server: LanguageServer,
    private readonly scheme: string,
    private readonly literal: (text: string) => string = (text) => text
  ) {
    this.subscriptions = vscode.Disposable.from(
      this.change,
      vscode.workspace.registerTextDocumentContentProvider(scheme, this),
      server.onDidChangeModels(() => this.refresh()),
      server.onDidChangeState(({ kind }) => {
        if (kind === 'ready') {
          this.refresh();
        }
      })
    );
  }

  /** The text of the document that a URI with this query names. */
  protected abstract ask(query: string): Promise<string>;

  /** Where there is no answer, why: of a document without a text VS Code says no more than that it cannot be found. */
  async provideTextDocumentContent({ query }: vscode.Uri): Promise<string> {
    try {
      return await this.ask(query);
    } catch (error) {
      return this.literal(messageOf(error));
    }
  }

  dispose(): void {
    this.subscriptions.dispose();
  }

  /** The document that a query asks for; its tab shows `title`. */
  protected uri(title: string, query: string): vscode.Uri {
    // A tab shows what is behind the last slash, and a Hub id has one.
    return vscode.Uri.from({ scheme: this.scheme, path: `/${title.replaceAll('/', '\u2215')}`, query });
  }

  /** VS Code changes only those that are different. */
  private refresh(): void {
    for (const { uri } of vscode.workspace.textDocuments) {
      if (uri.scheme === this.scheme) {
        this.change.fire(uri);
      }
    }
  }
}
