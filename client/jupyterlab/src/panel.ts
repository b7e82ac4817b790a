/** The side panel: the models of the open documents and their trees, or why there are none. */
import { messageOf, ModelTree, t, type ModelNode, type Sort, type Transport, type TreeNode } from '@model-loupe/core';
import {
  CommandToolbarButton,
  SidePanel,
  ToolbarButton,
  collapseAllIcon,
  copyIcon,
  refreshIcon,
  type LabIcon,
} from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import type { Message } from '@lumino/messaging';
import { Signal, type ISignal } from '@lumino/signaling';
import { Panel, Widget } from '@lumino/widgets';

import { CommandIDs } from './commands';
import { FilterBox } from './filter-box';
import { loupeIcon, sortIcon } from './icons';
import { noModels, noticeOf, restart, type Notice } from './notices';
import type { LoupeServer } from './server';
import { TreeView } from './tree-view';

export const PANEL_ID = 'model-loupe-models';

/** In the place of a server that is not there; nobody is asked while none is ready. */
const NOBODY: Transport = { request: () => Promise.reject(new Error(t('There is no language server.'))) };

export class ModelsPanel extends SidePanel {
  /**
   * @param server - null where JupyterLab runs without its language server support
   */
  constructor(
    private readonly server: LoupeServer | null,
    private readonly commands: CommandRegistry,
  ) {
    super({ content: new Panel(), header: heading('Model Loupe') });
    this.id = PANEL_ID;
    this.addClass('jp-ModelLoupe');
    this.title.icon = loupeIcon;
    this.title.caption = 'Model Loupe';
    this.models = new ModelTree(server ?? NOBODY);
    this.tree = new TreeView(t('Models'), this.models);
    this.filterBox = new FilterBox(
      (text) => {
        this.filter = text;
      },
      () => this.tree.activate(),
    );
    this.addButtons();
    this.notice.addClass('jp-ModelLoupe-notice');
    this.notice.node.setAttribute('role', 'status');
    this.addWidget(this.filterBox);
    this.addWidget(this.notice);
    this.addWidget(this.tree);
    server?.stateChanged.connect(this.onStateChanged, this);
    server?.modelsChanged.connect(this.onModelsChanged, this);
    this.onStateChanged();
  }

  /** The row that the keyboard is at. */
  get current(): TreeNode | null {
    return this.tree.current;
  }

  /** The row of what can be printed that the keyboard is at or below. */
  get printable(): TreeNode | undefined {
    return this.tree.printable;
  }

  /** The model of the row that the keyboard is at. */
  get currentModel(): ModelNode | undefined {
    return this.current ? this.models.modelOf(this.current) : undefined;
  }

  /** The rows that are selected, or else the one that the keyboard is at. */
  get selected(): readonly TreeNode[] {
    const { selected, current } = this.tree;
    return selected.length > 0 || current === null ? selected : [current];
  }

  /** The models of those rows, one for each. */
  get selectedModels(): readonly ModelNode[] {
    return this.selected.flatMap((row) => this.models.modelOf(row) ?? []);
  }

  /** The models that the open documents name. */
  async roots(): Promise<readonly ModelNode[]> {
    return this.server?.state === 'ready' ? this.models.roots() : [];
  }

  /** The keyboard comes to the filter, not to the tree, when the panel is activated next. */
  entersAtFilter = false;

  /** Another filter or order is shown. */
  get shownChanged(): ISignal<this, void> {
    return this.shownSignal;
  }

  get filter(): string {
    return this.models.filter;
  }

  /** Below each model is what has this text in its name; all of it for an empty text. */
  set filter(text: string) {
    if (text !== this.models.filter) {
      this.models.filter = text;
      this.filterBox.text = text;
      this.showAnew();
    }
  }

  get sort(): Sort {
    return this.models.sort;
  }

  /** Modules, tensors and files are in the model's order, or those of most bytes first. */
  set sort(sort: Sort) {
    this.models.sort = sort;
    this.sortButton.pressed = sort === 'size';
    this.showAnew();
  }

  /** Unfolds the rows with these ids, each below the one before; rejects if no such model is named. */
  async reveal(path: readonly string[]): Promise<void> {
    // No filter may have left them out.
    this.filter = '';
    const rows = await this.models.follow(path);
    if (rows.length === 0) {
      throw new Error(t('The open documents no longer name this model.'));
    }
    await this.tree.reveal(rows);
  }

  /** Unfolds what a call builds. */
  async showArchitecture(model: string, architecture?: string): Promise<void> {
    this.filter = '';
    const root = await this.models.findRoot(model);
    const row = root && (await this.models.findArchitecture(root, architecture));
    await this.reveal(row ? [model, row.id] : [model]);
  }

  private async refresh(): Promise<void> {
    if (this.server?.state !== 'ready') {
      return;
    }
    try {
      await this.tree.refresh();
      this.setNotice(this.tree.isEmpty ? noModels() : null);
    } catch (reason) {
      this.tree.clear();
      this.setNotice({ text: messageOf(reason), command: restart() });
    }
  }

  /** What is looked for in the vocabulary whose row the keyboard is at. */
  get query(): string {
    return this.tree.query;
  }

  /** Shows the tokens of that vocabulary that have `query` in them; '': all. */
  async searchVocabulary(query: string): Promise<void> {
    await this.tree.search(query);
  }

  collapseAll(): void {
    this.tree.collapseAll();
  }

  override dispose(): void {
    clearTimeout(this.timer);
    Signal.clearData(this);
    super.dispose();
  }

  protected override onActivateRequest(message: Message): void {
    super.onActivateRequest(message);
    (this.entersAtFilter ? this.filterBox : this.tree).activate();
    this.entersAtFilter = false;
  }

  /** Asks only while it is seen; what changed meanwhile is asked for when it is seen again. */
  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    if (this.stale) {
      this.scheduleRefresh();
    }
  }

  private addButtons(): void {
    this.toolbar.addItem('sort', this.sortButton);
    const buttons: [string, string, LabIcon][] = [
      ['refresh', CommandIDs.refresh, refreshIcon],
      ['copy', CommandIDs.copy, copyIcon],
      ['collapse', CommandIDs.collapseAll, collapseAllIcon],
    ];
    for (const [name, id, icon] of buttons) {
      this.toolbar.addItem(name, new CommandToolbarButton({ commands: this.commands, id, icon, label: '' }));
    }
  }

  private showAnew(): void {
    this.shownSignal.emit();
    void this.refresh();
  }

  private onStateChanged(): void {
    const state = this.server?.state ?? 'disabled';
    if (state === 'ready') {
      this.scheduleRefresh();
    } else {
      this.tree.clear();
      this.setNotice(noticeOf(state));
    }
  }

  private onModelsChanged(): void {
    this.scheduleRefresh();
  }

  /** Many notifications in a row (a document is typed in) make one refresh. */
  private scheduleRefresh(): void {
    this.stale = true;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (this.isVisible) {
        this.stale = false;
        void this.refresh();
      }
    }, 100);
  }

  private setNotice(notice: Notice | null): void {
    this.notice.setHidden(!notice);
    this.tree.setHidden(notice !== null);
    this.filterBox.setHidden(notice !== null);
    this.notice.node.replaceChildren();
    if (!notice) {
      return;
    }
    const text = document.createElement('p');
    text.textContent = notice.text;
    this.notice.node.append(text);
    if (notice.code) {
      const code = document.createElement('code');
      code.textContent = notice.code;
      this.notice.node.append(code);
    }
    if (notice.command) {
      const { id, label } = notice.command;
      const button = document.createElement('button');
      button.className = 'jp-mod-styled jp-mod-minimal';
      button.textContent = label;
      button.addEventListener('click', () => {
        void this.commands.execute(id);
      });
      this.notice.node.append(button);
    }
  }

  private stale = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly shownSignal = new Signal<this, void>(this);
  private readonly sortButton = new ToolbarButton({
    icon: sortIcon,
    tooltip: t('Sort by Size'),
    pressed: false,
    onClick: () => {
      this.sort = this.sort === 'size' ? 'order' : 'size';
    },
  });
  private readonly filterBox: FilterBox;
  private readonly notice = new Widget();
  private readonly models: ModelTree;
  private readonly tree: TreeView;
}

function heading(text: string): Panel {
  const panel = new Panel();
  const element = document.createElement('h2');
  element.textContent = text;
  panel.node.append(element);
  return panel;
}
