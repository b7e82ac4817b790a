/** What `print(model)` writes, as read-only documents that follow the model. */
import { printModel } from '@model-loupe/core';
import * as vscode from 'vscode';

import { AnsweredDocuments } from './documents';
import type { LanguageServer } from './server';
import { VIEW } from './tree';

/** Provides the documents; the row that one is about is the query of its URI. */
export class PrintedModels extends AnsweredDocuments {
  constructor(server: LanguageServer) {
    super(server, 'model-loupe');
  }

  /** Open the document of a model's or an architecture's row. */
  async show(row: string): Promise<void> {
    // The first answer may wait for torch to be imported.
    const { title } = await vscode.window.withProgress({ location: { viewId: VIEW } }, () =>
      printModel(this.server, row)
    );
    const document = await vscode.workspace.openTextDocument(this.uri(title, row));
    await vscode.window.showTextDocument(await vscode.languages.setTextDocumentLanguage(document, 'python'));
  }

  protected async ask(query: string): Promise<string> {
    return (await printModel(this.server, query)).text;
  }
}
