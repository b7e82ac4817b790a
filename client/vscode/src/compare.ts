/** Two models side by side, as a rendered Markdown document that follows them. */
import { compareModels, literalMarkdown, type CompareParams, type TreeNode } from '@model-loupe/core';
import * as vscode from 'vscode';

import { AnsweredDocuments } from './documents';
import type { LanguageServer } from './server';

/** Provides the documents; the two rows that one is about are the query of its URI. */
export class Comparisons extends AnsweredDocuments {
  constructor(server: LanguageServer) {
    super(server, 'model-loupe-comparison', literalMarkdown);
  }

  /** Open the comparison of two models. */
  async show(one: TreeNode, other: TreeNode): Promise<void> {
    const params: CompareParams = { node: one.id, other: other.id };
    const uri = this.uri(`${one.label} ↔ ${other.label}.md`, JSON.stringify(params));
    await vscode.commands.executeCommand('markdown.showPreview', uri);
  }

  protected async ask(query: string): Promise<string> {
    return (await compareModels(this.server, JSON.parse(query) as CompareParams)).text;
  }
}
