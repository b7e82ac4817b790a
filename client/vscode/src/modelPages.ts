/** Pages about one model: read-only editors of checkpoint files, and treemaps of models of the tree. */
import { CHILDREN, FILE, SIZES, VALUES, type StreamOptions, type TreeNode } from '@model-loupe/core';
import * as vscode from 'vscode';

import type { ModelQuestion, ModelSubject, Notice } from './modelMessages';
import { fillPanel } from './page';
import { PageAnswers } from './pageAnswers';
import type { LanguageServer } from './server';

/** Of endings that only checkpoints have; and of `.bin`, the default for some names alone (an association's). */
const EDITORS = ['modelLoupe.checkpoint', 'modelLoupe.checkpoint.bin'];
const SIZES_PAGE = 'modelLoupe.sizes';
/** What a page may ask of the server. */
const METHODS: ReadonlySet<string> = new Set([CHILDREN, FILE, SIZES, VALUES]);

/** Provides the editors, and opens the treemaps. */
export class ModelPages implements vscode.CustomReadonlyEditorProvider, vscode.Disposable {
  private readonly registration: vscode.Disposable;

  constructor(
    private readonly server: LanguageServer,
    private readonly extension: vscode.Uri
  ) {
    const options = { webviewOptions: { retainContextWhenHidden: true } };
    this.registration = vscode.Disposable.from(
      ...EDITORS.map((editor) => vscode.window.registerCustomEditorProvider(editor, this, options))
    );
  }

  dispose(): void {
    this.registration.dispose();
  }

  openCustomDocument(uri: vscode.Uri): vscode.CustomDocument {
    return { uri, dispose: () => undefined };
  }

  resolveCustomEditor({ uri }: vscode.CustomDocument, panel: vscode.WebviewPanel): void {
    this.fill(panel, { file: uri.toString(), name: vscode.workspace.asRelativePath(uri) });
    const folder = new vscode.RelativePattern(vscode.Uri.joinPath(uri, '..'), '*');
    const watcher = vscode.workspace.createFileSystemWatcher(folder);
    const follow = (changed: vscode.Uri): void => {
      if (changed.toString() === uri.toString()) {
        tell(panel, 'written');
      }
    };
    watcher.onDidChange(follow);
    watcher.onDidCreate(follow);
    panel.onDidDispose(() => {
      watcher.dispose();
    });
  }

  /** Show where the bytes of a model are. */
  showSizes(model: TreeNode): void {
    const title = vscode.l10n.t('Sizes · {0}', model.label);
    const panel = vscode.window.createWebviewPanel(SIZES_PAGE, title, vscode.ViewColumn.Active);
    this.fill(panel, { node: model.id, name: model.label });
  }

  private fill(panel: vscode.WebviewPanel, subject: ModelSubject): void {
    const answers = new PageAnswers<ModelQuestion>(panel.webview, (question, options) => this.answer(question, options));
    const parts = vscode.Disposable.from(
      answers,
      this.server.onDidChangeModels(() => tell(panel, 'changed')),
      this.server.onDidChangeState(({ kind }) => {
        if (kind === 'ready') {
          tell(panel, 'changed');
        }
      })
    );
    panel.onDidDispose(() => void parts.dispose());
    fillPanel(panel, this.extension, 'model', subject);
  }

  private async answer({ method, params }: ModelQuestion, options: StreamOptions<unknown>): Promise<unknown> {
    if (!METHODS.has(method)) {
      throw new Error(`not a request of this page: ${method}`);
    }
    await this.server.whenReady();
    return this.server.stream(method, params, options);
  }
}

function tell(panel: vscode.WebviewPanel, notice: Notice['notice']): void {
  void panel.webview.postMessage({ notice } satisfies Notice);
}
