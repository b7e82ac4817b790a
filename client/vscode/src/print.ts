/** What `print(model)` writes, as read-only documents that follow the model. */
import { printModel } from '@model-loupe/core';
import * as vscode from 'vscode';

import type { LanguageServer } from './server';
import { VIEW } from './tree';

const SCHEME = 'model-loupe';

/** Provides the documents; the row that one is about is the query of its URI. */
export class PrintedModels implements vscode.TextDocumentContentProvider, vscode.Disposable {
  private readonly change = new vscode.EventEmitter<vscode.Uri>();
  private readonly subscriptions: vscode.Disposable;
  readonly onDidChange = this.change.event;

  constructor(private readonly server: LanguageServer) {
    this.subscriptions = vscode.Disposable.from(
      this.change,
      vscode.workspace.registerTextDocumentContentProvider(SCHEME, this),
      server.onDidChangeModels(() => this.refresh()),
      server.onDidChangeState(({ kind }) => {
        if (kind === 'ready') {
          this.refresh();
        }
      })
    );
  }

  dispose(): void {
    this.subscriptions.dispose();
  }

  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    return (await printModel(this.server, uri.query)).text;
  }

  /** Open the document of a model's or an architecture's row. */
  async show(row: string): Promise<void> {
    // The first answer may wait for torch to be imported.
    const { title } = await vscode.window.withProgress({ location: { viewId: VIEW } }, () =>
      printModel(this.server, row)
    );
    // The tab shows what is behind the last slash, and a Hub id has one.
    const uri = vscode.Uri.from({ scheme: SCHEME, path: `/${title.replaceAll('/', '\u2215')}`, query: row });
    const document = await vscode.workspace.openTextDocument(uri);
    await vscode.window.showTextDocument(await vscode.languages.setTextDocumentLanguage(document, 'python'));
  }

  /** Ask anew for the documents that are open; VS Code changes only those that are different. */
  private refresh(): void {
    for (const { uri } of vscode.workspace.textDocuments) {
      if (uri.scheme === SCHEME) {
        this.change.fire(uri);
      }
    }
  }
}
