/** The sidebar's tree of models. */
import { chooseModel, ModelTree, rowText, type ModelNode, type ModelPicker, type Sort, type TreeNode } from '@model-loupe/core';
import * as vscode from 'vscode';

import { themeIcon } from './icons';
import type { LanguageServer } from './server';

export const VIEW = 'modelLoupe.models';
const REVEAL_ATTEMPTS = 3;
// VS Code folds a row again that is being unfolded when its tree is redrawn: a redrawing waits for this long a rest.
const REST_MS = 300;

/** Shows core's model tree in a VS Code view. */
export class ModelsView
  implements vscode.TreeDataProvider<TreeNode>, vscode.TreeDragAndDropController<TreeNode>, ModelPicker, vscode.Disposable
{
  private readonly tree: ModelTree;
  private readonly view: vscode.TreeView<TreeNode>;
  private readonly change = new vscode.EventEmitter<TreeNode | undefined>();
  private readonly subscriptions: { dispose(): unknown }[];
  private lastAsked = 0;
  private redrawing: NodeJS.Timeout | undefined;
  readonly onDidChangeTreeData = this.change.event;
  readonly dragMimeTypes = ['text/plain'];
  readonly dropMimeTypes = [];

  constructor(
    private readonly server: LanguageServer,
    private readonly log: vscode.LogOutputChannel
  ) {
    this.tree = new ModelTree(server);
    this.view = vscode.window.createTreeView(VIEW, {
      treeDataProvider: this,
      showCollapseAll: true,
      canSelectMany: true,
      dragAndDropController: this,
    });
    this.showHowItIsShown();
    this.subscriptions = [
      this.view,
      this.change,
      server.onDidChangeModels(() => this.refresh()),
      server.onDidChangeState(({ kind }) => {
        // While a server starts, the rows of the one before stay: taken away, they would come back folded.
        if (kind !== 'starting') {
          this.refresh();
        }
      }),
    ];
  }

  dispose(): void {
    clearTimeout(this.redrawing);
    vscode.Disposable.from(...this.subscriptions).dispose();
  }

  /** Ask again for what is shown, as soon as nobody is unfolding it. */
  refresh(): void {
    clearTimeout(this.redrawing);
    const wait = this.lastAsked + REST_MS - Date.now();
    if (wait > 0) {
      this.redrawing = setTimeout(() => this.refresh(), wait);
      return;
    }
    this.tree.invalidate();
    this.change.fire(undefined);
  }

  /** What is dropped into an editor: the modules' paths as code writes them. */
  handleDrag(rows: readonly TreeNode[], data: vscode.DataTransfer): void {
    data.set('text/plain', new vscode.DataTransferItem(rows.map((row) => this.tree.code(row)).join('\n')));
  }

  get filter(): string {
    return this.tree.filter;
  }

  /** Show below each model what has this text in its name; all of it for an empty text. */
  set filter(text: string) {
    this.tree.filter = text;
    this.tree.clear();
    this.showHowItIsShown();
    this.change.fire(undefined);
  }

  /** Show modules, tensors and files in the model's order, or those of most bytes first. */
  set sort(sort: Sort) {
    this.tree.sort = sort;
    this.showHowItIsShown();
    this.refresh();
  }

  private showHowItIsShown(): void {
    const { filter, sort } = this.tree;
    this.view.message = filter && vscode.l10n.t('Names with “{0}”', filter);
    void vscode.commands.executeCommand('setContext', 'modelLoupe.filtered', filter !== '');
    void vscode.commands.executeCommand('setContext', 'modelLoupe.sort', sort);
  }

  getTreeItem(node: TreeNode): vscode.TreeItem {
    const item = new vscode.TreeItem(node.label);
    item.id = this.tree.key(node);
    item.description = node.description;
    // A plain MarkdownString: no command links, no HTML, no icons from text that anybody may have written.
    item.tooltip = new vscode.MarkdownString(node.tooltip);
    item.iconPath = themeIcon(node.icon);
    item.contextValue = isOnHub(node) ? 'model-hub' : node.contextValue;
    item.accessibilityInformation = { label: rowText(node) };
    if (node.icon === 'more') {
      item.command = { command: 'modelLoupe.showMore', title: vscode.l10n.t('Show More'), arguments: [node] };
    } else if (node.collapsible) {
      item.collapsibleState = vscode.TreeItemCollapsibleState.Collapsed;
    }
    return item;
  }

  async getChildren(node?: TreeNode): Promise<TreeNode[]> {
    if (this.server.state.kind !== 'ready') {
      return [];
    }
    this.lastAsked = Date.now();
    try {
      return [...(await (node ? this.tree.children(node) : this.tree.roots()))];
    } catch (error) {
      // The server ended or changed under the request: its next state refreshes the tree.
      this.log.warn(`Could not list ${node ? node.label : 'the models'}:`, error);
      return [];
    }
  }

  getParent(node: TreeNode): TreeNode | undefined {
    return this.tree.parent(node);
  }

  /** The rows that a command is about: those of a menu's click, else those selected. */
  chosen(clicked?: TreeNode, selected?: readonly TreeNode[]): readonly TreeNode[] {
    return selected ?? (clicked ? [clicked] : this.view.selection);
  }

  modelOf(node: TreeNode): ModelNode | undefined {
    return this.tree.modelOf(node);
  }

  /** The row at or above this one that can be printed. */
  printable(node: TreeNode): TreeNode | undefined {
    return this.tree.printable(node);
  }

  /** The only model that the workspace names, or the one that the user picks. */
  chooseModel(title: string): Promise<ModelNode | undefined> {
    return chooseModel(this, title);
  }

  async models(): Promise<readonly ModelNode[]> {
    return this.server.state.kind === 'ready' ? this.tree.roots() : [];
  }

  async pick(title: string, models: readonly ModelNode[]): Promise<ModelNode | undefined> {
    const items = models.map((model) => ({ label: model.label, description: model.description, model }));
    return (await vscode.window.showQuickPick(items, { title, matchOnDescription: true }))?.model;
  }

  sayNone(another: boolean): void {
    void vscode.window.showInformationMessage(
      another
        ? vscode.l10n.t('Model Loupe: no other model is named in this workspace.')
        : vscode.l10n.t('Model Loupe: no model is named in this workspace.')
    );
  }

  /** Put the next page in the place of a `more` row. */
  async showMore(more: TreeNode): Promise<void> {
    this.change.fire(await this.tree.showMore(more));
  }

  /** Ask what to look for in a vocabulary, and show the tokens that have it below its row. */
  async searchVocabulary(vocabulary: TreeNode): Promise<void> {
    const query = await vscode.window.showInputBox({
      title: vscode.l10n.t('Search Vocabulary'),
      prompt: vscode.l10n.t('Tokens with this in their text, or with this id. Empty: all.'),
      value: this.tree.query(vocabulary),
    });
    if (query !== undefined) {
      this.tree.search(vocabulary, query);
      this.change.fire(vocabulary);
      await this.reveal(vocabulary);
    }
  }

  /** Show a model with an architecture (its first, if none is named) open; false if no such model is known. */
  async showArchitecture(id: string, architectureId?: string): Promise<boolean> {
    await this.comeForward();
    return this.untilDrawn(async () => {
      const model = await this.tree.findRoot(id);
      if (!model) {
        return false;
      }
      await this.reveal(model);
      const architecture = await this.tree.findArchitecture(model, architectureId);
      if (architecture) {
        await this.reveal(architecture);
      }
      return true;
    });
  }

  /** Shows the view, and all of its rows: VS Code reveals what it has drawn, and no filter may have left it out. */
  private async comeForward(): Promise<void> {
    await vscode.commands.executeCommand(`${VIEW}.focus`);
    if (this.filter) {
      this.filter = '';
    }
  }

  /** Reveals rows, again if VS Code does not know them: it has not drawn the view yet, or refreshed it in between. */
  private async untilDrawn<T>(reveal: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await reveal();
      } catch (error) {
        this.log.debug(`Could not reveal rows (attempt ${attempt}):`, error);
        if (attempt === REVEAL_ATTEMPTS) {
          throw error;
        }
        this.tree.invalidate();
        this.refresh();
      }
    }
  }

  /**
   * Show the last row of a path, each below the one before; rejects if the tree no longer has them all. The path is
   * asked for at each attempt: rows are others once more is known of the model.
   */
  async showPath(ask: () => Promise<readonly string[]>): Promise<void> {
    await this.comeForward();
    await this.untilDrawn(async () => {
      const path = await ask();
      const rows = await this.tree.follow(path);
      if (rows.length === 0) {
        throw new Error(vscode.l10n.t('The code no longer names this model.'));
      }
      for (const row of rows) {
        await this.reveal(row);
      }
      if (rows.length < path.length) {
        throw new Error(vscode.l10n.t('The model no longer has this tensor.'));
      }
    });
  }

  private async reveal(node: TreeNode): Promise<void> {
    await this.view.reveal(node, { select: true, focus: true, expand: true });
  }
}

/** Whether a row is of a model that has a page on the Hub. */
function isOnHub(node: TreeNode): boolean {
  return node.contextValue === 'model' && (node as ModelNode).kind === 'hub';
}
