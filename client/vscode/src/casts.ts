/** Cast previews: the page of a model, and what it asks of the server and of the editor. */
import {
  CAST_PREVIEW,
  EditedCall,
  TENSOR_PATH,
  type CastEdit,
  type CastPreview,
  type CastPreviewParams,
  type CastSubject,
  type CodePlace,
  type StreamOptions,
  type TensorPathParams,
  type TreeNode,
} from '@model-loupe/core';
import * as vscode from 'vscode';

import type { CastQuestion } from './castMessages';
import { fillPanel } from './page';
import { PageAnswers } from './pageAnswers';
import type { LanguageServer } from './server';
import type { ModelsView } from './tree';

const VIEW_TYPE = 'modelLoupe.casts';

/** Opens the pages, one a model, and brings them back when the window is loaded again. */
export class CastPreviews implements vscode.Disposable, vscode.WebviewPanelSerializer<CastSubject> {
  private readonly panels = new Map<string, vscode.WebviewPanel>();
  private readonly serializer = vscode.window.registerWebviewPanelSerializer(VIEW_TYPE, this);

  constructor(
    private readonly server: LanguageServer,
    private readonly view: ModelsView,
    private readonly extension: vscode.Uri
  ) {}

  dispose(): void {
    this.serializer.dispose();
    for (const panel of this.panels.values()) {
      panel.dispose();
    }
  }

  /** Show the page of a model: of the one that a lens or a row of the tree names, else of one that the user picks. */
  async show(chosen?: string | TreeNode, place?: CodePlace): Promise<void> {
    const row = chosen ?? (await this.view.chooseModel(vscode.l10n.t('What a cast does')));
    if (row === undefined) {
      return;
    }
    const model = typeof row === 'string' ? row : (this.view.printable(row) ?? row).id;
    const subject = place ? { model, place } : { model };
    const key = JSON.stringify(subject);
    const open = this.panels.get(key);
    if (open) {
      open.reveal();
      return;
    }
    const panel = vscode.window.createWebviewPanel(VIEW_TYPE, vscode.l10n.t('Casts'), vscode.ViewColumn.Beside, {
      // A measurement under way goes on while another tab is in front.
      retainContextWhenHidden: true,
    });
    this.fill(panel, subject);
  }

  deserializeWebviewPanel(panel: vscode.WebviewPanel, subject: CastSubject): Promise<void> {
    this.fill(panel, subject);
    return Promise.resolve();
  }

  private fill(panel: vscode.WebviewPanel, subject: CastSubject): void {
    const key = JSON.stringify(subject);
    this.panels.set(key, panel);
    const questions = new CastQuestions(panel, subject, this.server, this.view);
    const answers = new PageAnswers<CastQuestion>(panel.webview, (question, options) => questions.answer(question, options));
    panel.onDidDispose(() => {
      this.panels.delete(key);
      answers.dispose();
    });
    fillPanel(panel, this.extension, 'casts', subject);
  }
}

/** Answers the questions of one page. */
class CastQuestions {
  private readonly call: EditedCall | undefined;

  constructor(
    private readonly panel: vscode.WebviewPanel,
    private readonly subject: CastSubject,
    private readonly server: LanguageServer,
    private readonly view: ModelsView
  ) {
    this.call = subject.place && new EditedCall(server, subject.place);
  }

  answer(question: CastQuestion, options: StreamOptions<unknown>): Promise<unknown> {
    switch (question.kind) {
      case 'preview':
        return this.preview(question.params, options);
      case 'edit':
        return (
          this.call?.edit(question.dtype) ??
          Promise.reject(new Error(vscode.l10n.t('This page was not opened from code.')))
        );
      case 'apply':
        return this.apply(question.edit);
      case 'reveal':
        return this.reveal(question.tensor);
    }
  }

  private async preview(params: CastPreviewParams, options: StreamOptions<unknown>): Promise<CastPreview> {
    // A page that VS Code brings back is there before the server.
    await this.server.whenReady();
    return this.server.stream<CastPreview>(CAST_PREVIEW, params, {
      ...options,
      onPartial: (partial) => {
        this.panel.title = vscode.l10n.t('Casts · {0}', partial.title);
        options.onPartial(partial);
      },
    });
  }

  private reveal(tensor: string): Promise<void> {
    const params: TensorPathParams = { model: this.subject.model, tensor };
    return this.view.showPath(() => this.server.request<string[]>(TENSOR_PATH, params));
  }

  /** Makes the edit, as one step that undo takes back, and shows the code. */
  private async apply({ edit, lines }: CastEdit): Promise<void> {
    if (!(await vscode.workspace.applyEdit(await this.server.toWorkspaceEdit(edit)))) {
      throw new Error(
        vscode.l10n.t('The editor did not take the edit: the code may have changed. Open the preview from it again.')
      );
    }
    const [changed] = lines;
    if (changed) {
      await vscode.commands.executeCommand('vscode.open', vscode.Uri.parse(changed.uri), vscode.ViewColumn.One);
    }
  }
}
