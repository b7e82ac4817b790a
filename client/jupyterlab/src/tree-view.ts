/** A tree whose rows are loaded when they are looked at, with the keys and the roles of an ARIA tree. */
import { messageOf, type ModelNode, type ModelTree, type TreeNode } from '@model-loupe/core';
import type { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';

import { nodeIcon } from './icons';
import { Selection } from './selection';
import { plainText } from './text';

/** How long a row may load before it shows that it does. */
const BUSY_MS = 200;
/** Keys typed within this time are one search for a label. */
const TYPE_AHEAD_MS = 700;
const EVENTS = ['mousedown', 'click', 'keydown', 'focusin', 'contextmenu', 'dragstart'];
const ROW = 'jp-ModelLoupe-row';
const ITEM = 'jp-ModelLoupe-item';

/** A row with its element and, once loaded, the rows below it. */
class TreeItem {
  constructor(
    readonly key: string,
    public node: TreeNode,
    readonly parent: TreeItem | null,
  ) {
    this.element.className = ITEM;
    this.element.setAttribute('role', 'treeitem');
    this.element.tabIndex = -1;
    this.setSelected(false);
    this.row.className = ROW;
    this.row.draggable = true;
    this.group.setAttribute('role', 'group');
    this.element.append(this.row);
    this.draw();
  }

  get level(): number {
    return this.parent ? this.parent.level + 1 : 1;
  }

  /** Takes a newer node of the same key. */
  update(node: TreeNode): void {
    this.node = node;
    this.draw();
  }

  setExpanded(expanded: boolean): void {
    this.expanded = expanded;
    if (expanded) {
      this.element.append(this.group);
    } else {
      this.group.remove();
    }
    this.drawExpansion();
  }

  setSelected(selected: boolean): void {
    this.element.setAttribute('aria-selected', String(selected));
  }

  setChildren(children: TreeItem[]): void {
    this.children = children;
    showIn(this.group, children);
  }

  setBusy(busy: boolean): void {
    this.element.setAttribute('aria-busy', String(busy));
    this.row.classList.toggle('jp-mod-busy', busy);
  }

  private draw(): void {
    const { label, description, tooltip, icon, contextValue } = this.node;
    this.element.setAttribute('aria-level', String(this.level));
    this.element.setAttribute('aria-label', description ? `${label}, ${description}` : label);
    this.row.dataset.kind = icon;
    this.row.dataset.context = contextValue;
    this.row.style.setProperty('--jp-ModelLoupe-level', String(this.level - 1));
    this.row.title = plainText(tooltip);
    const twistie = span('jp-ModelLoupe-twistie', '');
    const name = span('jp-ModelLoupe-label', label);
    const image = nodeIcon(icon).element({ tag: 'span', className: 'jp-ModelLoupe-icon' });
    this.row.replaceChildren(twistie, image, name, span('jp-ModelLoupe-description', description));
    this.drawExpansion();
  }

  private drawExpansion(): void {
    if (this.node.collapsible) {
      this.element.setAttribute('aria-expanded', String(this.expanded));
    } else {
      this.element.removeAttribute('aria-expanded');
    }
  }

  readonly element = document.createElement('div');
  readonly row = document.createElement('div');
  readonly group = document.createElement('div');
  expanded = false;
  children: TreeItem[] | null = null;
  /** Counts the loads, so that a late answer of an earlier one is dropped. */
  generation = 0;
}

export class TreeView extends Widget {
  constructor(
    label: string,
    private readonly tree: ModelTree,
  ) {
    super();
    this.addClass('jp-ModelLoupe-tree');
    this.node.setAttribute('role', 'tree');
    this.node.setAttribute('aria-label', label);
    this.node.setAttribute('aria-multiselectable', 'true');
  }

  /** The row that has the focus, or had it last. */
  get current(): TreeNode | null {
    return this.focused?.node ?? null;
  }

  /** The rows that are selected and in the tree, in the order in which they were. */
  get selected(): readonly TreeNode[] {
    return this.selection.items.filter(({ element }) => this.node.contains(element)).map(({ node }) => node);
  }

  /** The row of what can be printed that `current` is, or is below. */
  get printable(): TreeNode | undefined {
    return this.focused ? this.tree.printable(this.focused.node) : undefined;
  }

  /** There is nothing to show. */
  get isEmpty(): boolean {
    return this.roots.length === 0;
  }

  /** Asks anew for everything that is unfolded; rows that are still there stay as they are. */
  async refresh(): Promise<void> {
    this.generation += 1;
    const generation = this.generation;
    this.tree.invalidate();
    const nodes = await this.tree.roots();
    if (generation === this.generation && !this.isDisposed) {
      this.setRoots(this.mergeRoots(nodes));
      await Promise.all(this.roots.map((item) => this.reload(item)));
      this.keepFocus();
    }
  }

  /** Unfolds the rows of a path, a root first, and brings the keyboard to the last that is there. */
  async reveal(path: readonly TreeNode[]): Promise<void> {
    await this.refresh();
    let rows: readonly TreeItem[] = this.roots;
    let last: TreeItem | undefined;
    for (const { id } of path) {
      const item = rows.find(({ node }) => node.id === id);
      if (!item) {
        break;
      }
      await this.expand(item);
      last = item;
      rows = item.children ?? [];
    }
    if (last) {
      this.goTo(last);
    }
  }

  /** What is looked for in the vocabulary whose row is `current`. */
  get query(): string {
    return this.focused ? this.tree.query(this.focused.node) : '';
  }

  /** Shows below that row the tokens that have `query` in them; '': all. */
  async search(query: string): Promise<void> {
    const item = this.focused;
    if (item) {
      this.tree.search(item.node, query);
      item.setExpanded(true);
      await this.loadChildren(item);
    }
  }

  collapseAll(): void {
    for (const item of this.visible()) {
      item.setExpanded(false);
    }
    this.keepFocus();
  }

  clear(): void {
    this.generation += 1;
    this.tree.clear();
    this.setRoots([]);
    this.unfiltered = [];
    this.focused = null;
    this.selection.clear();
  }

  handleEvent(event: Event): void {
    if (event.type === 'keydown') {
      this.onKey(event as KeyboardEvent);
      return;
    }
    const item = this.itemOf(event.target);
    if (!item) {
      return;
    }
    switch (event.type) {
      case 'focusin':
        this.onFocus(item);
        break;
      case 'contextmenu':
        this.onContextMenu(event as MouseEvent, item);
        break;
      case 'mousedown':
        onMouseDown(event as MouseEvent);
        break;
      case 'dragstart':
        // What is dropped into an editor: the module's path as code writes it.
        (event as DragEvent).dataTransfer?.setData('text/plain', this.tree.code(item.node));
        break;
      case 'click':
        this.onClick(event as MouseEvent, item);
    }
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    for (const type of EVENTS) {
      this.node.addEventListener(type, this);
    }
  }

  protected override onBeforeDetach(message: Message): void {
    for (const type of EVENTS) {
      this.node.removeEventListener(type, this);
    }
    super.onBeforeDetach(message);
  }

  /** The panel was opened: the keyboard is at the row where it was, or at the first. */
  protected override onActivateRequest(message: Message): void {
    super.onActivateRequest(message);
    const item = this.focused ?? this.roots[0];
    item?.element.focus();
  }

  /** The focus came by other ways than `focus`: with the mouse, Tab or a screen reader. */
  private onFocus(item: TreeItem): void {
    if (item !== this.focused) {
      this.setFocused(item);
      this.selection.only(item);
    }
  }

  private onContextMenu(event: MouseEvent, item: TreeItem): void {
    this.focus(item);
    // Several stay so: what compares or copies rows is about all of them, the rest of the menu about this one.
    if (!this.selection.has(item)) {
      this.selection.only(item);
    }
    openMenuAtRow(event, item);
  }

  private onClick(event: MouseEvent, item: TreeItem): void {
    this.focus(item);
    if (event.shiftKey) {
      this.selection.extend(this.visible(), item);
    } else if (adds(event)) {
      this.selection.toggle(item);
    } else {
      this.selection.only(item);
      this.toggle(item);
    }
  }

  /** Brings the keyboard to a row, which alone is selected then. */
  private goTo(item: TreeItem): void {
    this.focus(item);
    this.selection.only(item);
  }

  private toggle(item: TreeItem): void {
    if (item.node.icon === 'more') {
      void this.loadMore(item);
    } else if (item.node.collapsible) {
      if (item.expanded) {
        item.setExpanded(false);
      } else {
        void this.expand(item);
      }
    }
  }

  private async expand(item: TreeItem): Promise<void> {
    if (item.node.collapsible && !item.expanded) {
      item.setExpanded(true);
      // A row that says what went wrong is asked for again.
      if (!item.children || item.children.some((child) => child.node.id === errorId(item.node.id))) {
        await this.loadChildren(item);
      }
    }
  }

  /** After a refresh: what is unfolded is loaded again, what is folded when it is unfolded next. */
  private async reload(item: TreeItem): Promise<void> {
    if (!item.node.collapsible || !item.expanded) {
      item.setExpanded(false);
      item.children = null;
      return;
    }
    await this.loadChildren(item);
    await Promise.all((item.children ?? []).map((child) => this.reload(child)));
  }

  private async loadChildren(item: TreeItem): Promise<void> {
    item.generation += 1;
    const generation = item.generation;
    const nodes = await this.busy(item, () => this.tree.children(item.node));
    if (generation === item.generation) {
      const children = this.merge(nodes, item.children ?? [], item);
      item.setChildren(children);
      this.index(children);
    }
  }

  /** Puts the next page in the place of the row that stands for it. */
  private async loadMore(more: TreeItem): Promise<void> {
    const { parent } = more;
    const place = parent?.children?.indexOf(more) ?? -1;
    if (!parent || place === -1) {
      return;
    }
    await this.busy(more, async () => {
      await this.tree.showMore(more.node);
      return [];
    });
    await this.loadChildren(parent);
    const next = parent.children?.[place];
    if (next) {
      this.goTo(next);
    }
  }

  /** Marks a row while it loads; a failure becomes a row below it. */
  private async busy(item: TreeItem, load: () => Promise<readonly TreeNode[]>): Promise<readonly TreeNode[]> {
    const mark = setTimeout(() => {
      item.setBusy(true);
    }, BUSY_MS);
    try {
      return await load();
    } catch (reason) {
      return [errorNode(item.node.id, reason)];
    } finally {
      clearTimeout(mark);
      item.setBusy(false);
    }
  }

  /** Rows for `nodes`, those of `before` where the key is the same. */
  private merge(nodes: readonly TreeNode[], before: readonly TreeItem[], parent: TreeItem | null): TreeItem[] {
    const known = new Map(before.map((item) => [item.key, item]));
    return nodes.map((node) => {
      const key = this.tree.key(node);
      const item = known.get(key);
      if (!item) {
        return new TreeItem(key, node, parent);
      }
      item.update(node);
      return item;
    });
  }

  /** Rows for the models; without a filter they are again as they were before there was one. */
  private mergeRoots(nodes: readonly ModelNode[]): TreeItem[] {
    const before = this.roots;
    const items = this.merge(nodes, [...before, ...this.unfiltered], null);
    if (!this.tree.filter) {
      this.unfiltered = items;
      return items;
    }
    // What a filter finds is in sight, but for models that the Hub would be asked for and that nobody has opened.
    const opened = new Set(this.unfiltered.filter(({ expanded }) => expanded).map(({ node }) => node.label));
    items.forEach((item, index) => {
      if (!before.includes(item) && (nodes[index]?.kind === 'local' || opened.has(item.node.label))) {
        item.setExpanded(true);
      }
    });
    return items;
  }

  private setRoots(items: TreeItem[]): void {
    this.roots = items;
    showIn(this.node, items);
    this.index(items);
  }

  /** Makes rows known by their elements. */
  private index(items: readonly TreeItem[]): void {
    for (const item of items) {
      this.items.set(item.element, item);
    }
    this.keepFocus();
  }

  /** One row at a time can be reached with Tab; where it went away, the first takes its place. */
  private keepFocus(): void {
    if (!this.focused || !this.node.contains(this.focused.element)) {
      const first = this.roots[0];
      if (first) {
        this.setFocused(first);
        this.selection.only(first);
      } else {
        this.focused = null;
      }
    }
  }

  private focus(item: TreeItem): void {
    this.setFocused(item);
    item.element.focus({ preventScroll: true });
    item.row.scrollIntoView({ block: 'nearest' });
  }

  private setFocused(item: TreeItem): void {
    if (this.focused) {
      this.focused.element.tabIndex = -1;
    }
    this.focused = item;
    item.element.tabIndex = 0;
  }

  private itemOf(target: EventTarget | null): TreeItem | null {
    const element = target instanceof Element ? target.closest<HTMLElement>(`.${ITEM}`) : null;
    return (element && this.items.get(element)) ?? null;
  }

  private onKey(event: KeyboardEvent): void {
    const item = this.focused;
    if (!item || event.altKey) {
      return;
    }
    if ((adds(event) && this.select(item, event)) || (!isCommand(event) && this.act(item, event.key))) {
      event.preventDefault();
      event.stopPropagation();
    }
  }

  private act(item: TreeItem, key: string): boolean {
    return this.move(item, key) || this.fold(item, key) || this.typeAhead(item, key);
  }

  private move(item: TreeItem, key: string): boolean {
    const next = this.target(item, key);
    if (next) {
      this.goTo(next);
    }
    return next !== undefined;
  }

  /** Several rows are selected as in any ARIA tree: Shift takes in those that are passed, Ctrl passes them by. */
  private select(item: TreeItem, event: KeyboardEvent): boolean {
    if (event.key === ' ' && isCommand(event)) {
      this.selection.toggle(item);
      return true;
    }
    const next = this.target(item, event.key);
    if (next) {
      this.focus(next);
      if (event.shiftKey) {
        this.selection.extend(this.visible(), next);
      }
    }
    return next !== undefined;
  }

  /** Where a key leads: the same row at the tree's ends, undefined for a key that leads nowhere. */
  private target(item: TreeItem, key: string): TreeItem | undefined {
    const rows = this.visible();
    const index = rows.indexOf(item);
    switch (key) {
      case 'ArrowDown':
        return rows[index + 1] ?? item;
      case 'ArrowUp':
        return rows[index - 1] ?? item;
      case 'Home':
        return rows[0];
      case 'End':
        return rows.at(-1);
      default:
        return undefined;
    }
  }

  private fold(item: TreeItem, key: string): boolean {
    switch (key) {
      case 'ArrowRight':
        if (item.expanded) {
          const first = item.children?.[0];
          if (first) {
            this.goTo(first);
          }
        } else {
          void this.expand(item);
        }
        return true;
      case 'ArrowLeft':
        if (item.expanded) {
          item.setExpanded(false);
        } else if (item.parent) {
          this.goTo(item.parent);
        }
        return true;
      case 'Enter':
      case ' ':
        this.toggle(item);
        return true;
      default:
        return false;
    }
  }

  /** Letters go to the next row whose label starts with them. */
  private typeAhead(item: TreeItem, key: string): boolean {
    if (key.length !== 1) {
      return false;
    }
    const now = Date.now();
    this.typed = (now - this.typedAt < TYPE_AHEAD_MS ? this.typed : '') + key.toLowerCase();
    this.typedAt = now;
    const rows = this.visible();
    const start = rows.indexOf(item) + (this.typed.length === 1 ? 1 : 0);
    const order = [...rows.slice(start), ...rows.slice(0, start)];
    const found = order.find((row) => row.node.label.toLowerCase().startsWith(this.typed));
    if (found) {
      this.goTo(found);
    }
    return true;
  }

  private visible(): TreeItem[] {
    const rows: TreeItem[] = [];
    const visit = (items: readonly TreeItem[]): void => {
      for (const item of items) {
        rows.push(item);
        if (item.expanded && item.children) {
          visit(item.children);
        }
      }
    };
    visit(this.roots);
    return rows;
  }

  private roots: TreeItem[] = [];
  /** The roots as they are without a filter. */
  private unfiltered: TreeItem[] = [];
  private focused: TreeItem | null = null;
  private readonly selection = new Selection<TreeItem>();
  private generation = 0;
  private typed = '';
  private typedAt = 0;
  private readonly items = new WeakMap<Element, TreeItem>();
}

/** The browser would select text, and bring the focus to the row as if it alone were meant. */
function onMouseDown(event: MouseEvent): void {
  if (event.button !== 0 || adds(event)) {
    event.preventDefault();
  }
}

/** Whether a click or a key adds to the selection, rather than to replace it. */
function adds(event: MouseEvent | KeyboardEvent): boolean {
  return event.shiftKey || isCommand(event);
}

function isCommand({ ctrlKey, metaKey }: MouseEvent | KeyboardEvent): boolean {
  return ctrlKey || metaKey;
}

/** Has the keyboard's menu key open the menu of a row: JupyterLab finds it by the row, which does not have the focus itself. */
function openMenuAtRow(event: MouseEvent, { element, row }: TreeItem): void {
  if (event.target === element) {
    event.preventDefault();
    event.stopPropagation();
    const { left, bottom } = row.getBoundingClientRect();
    row.dispatchEvent(new MouseEvent('contextmenu', { bubbles: true, cancelable: true, clientX: left, clientY: bottom }));
  }
}

/** Shows rows, and only these, in an element. */
function showIn(element: HTMLElement, items: readonly TreeItem[]): void {
  items.forEach((item, index) => {
    item.element.setAttribute('aria-setsize', String(items.length));
    item.element.setAttribute('aria-posinset', String(index + 1));
  });
  // An element that is taken out loses the focus, if only for a moment: what stays is not touched.
  const same =
    element.childElementCount === items.length && items.every((item, at) => element.children[at] === item.element);
  if (!same) {
    const focused = element.ownerDocument.activeElement;
    element.replaceChildren(...items.map((item) => item.element));
    if (focused instanceof HTMLElement && element.contains(focused)) {
      focused.focus({ preventScroll: true });
    }
  }
}

function span(className: string, text: string): HTMLSpanElement {
  const element = document.createElement('span');
  element.className = className;
  element.textContent = text;
  return element;
}

function errorId(parent: string): string {
  return `${parent}\nerror`;
}

function errorNode(parent: string, reason: unknown): TreeNode {
  const message = messageOf(reason);
  return {
    id: errorId(parent),
    label: message,
    description: '',
    tooltip: message,
    icon: 'error',
    collapsible: false,
    contextValue: 'error',
  };
}
