/** Two models side by side, as a rendered Markdown document that follows them. */
import { compareModels, type CompareParams, type TreeNode } from '@model-loupe/core';
import * as vscode from 'vscode';

import type { LanguageServer } from './server';

const SCHEME = 'model-loupe-comparison';

/** Provides the documents; the two rows that one is about are the query of its URI. */
export class Comparisons implements vscode.TextDocumentContentProvider, vscode.Disposable {
  private readonly change = new vscode.EventEmitter<vscode.Uri>();
  private readonly subscriptions: vscode.Disposable;
  readonly onDidChange = this.change.event;

  constructor(private readonly server: LanguageServer) {
    this.subscriptions = vscode.Disposable.from(
      this.change,
      vscode.workspace.registerTextDocumentContentProvider(SCHEME, this),
      server.onDidChangeModels(() => {
        vscode.workspace.textDocuments
          .filter(({ uri }) => uri.scheme === SCHEME)
          .forEach(({ uri }) => this.change.fire(uri));
      })
    );
  }

  dispose(): void {
    this.subscriptions.dispose();
  }

  async provideTextDocumentContent({ query }: vscode.Uri): Promise<string> {
    return (await compareModels(this.server, JSON.parse(query) as CompareParams)).text;
  }

  /** Open the comparison of two models. */
  async show(one: TreeNode, other: TreeNode): Promise<void> {
    const params: CompareParams = { node: one.id, other: other.id };
    const path = `/${[one, other].map(({ label }) => label.replaceAll('/', '\u2215')).join(' ↔ ')}.md`;
    const uri = vscode.Uri.from({ scheme: SCHEME, path, query: JSON.stringify(params) });
    await vscode.commands.executeCommand('markdown.showPreview', uri);
  }
}
