/** The model tree as both editors show it: fetched level by level, kept until models change. */
import {
  CHILDREN,
  MODELS,
  type ModelNode,
  type Sort,
  type Transport,
  type TreeNode,
} from './protocol.js';
import { t } from './translation.js';

const PRINTABLE: ReadonlySet<string> = new Set(['model', 'architecture']);

/** Icons of what a model is made of. */
const PARTS: ReadonlySet<string> = new Set(['module', 'modules', 'parameter', 'buffer']);

interface Place {
  readonly key: string;
  readonly parent: TreeNode | undefined;
}

/**
 * The models of a workspace and what is inside them, asked from the server when first looked at.
 *
 * Nodes are the server's objects, and the tree knows them by identity: pass back what `roots` and `children`
 * gave. After `invalidate` a node is a new object, with the same `key`.
 */
export class ModelTree {
  private models: Promise<readonly ModelNode[]> | undefined;
  private known: readonly ModelNode[] = [];
  private levels = new Map<string, Promise<readonly TreeNode[]>>();
  private readonly places = new WeakMap<TreeNode, Place>();
  // How many pages of a node's children are shown, if more than one: a refresh must not fold them again.
  private readonly pages = new Map<string, number>();
  // What is looked for in vocabularies, by the key of their row.
  private readonly queries = new Map<string, string>();

  /** Text that rows below a model have in their names; empty: all are there. Call `invalidate` when it has changed. */
  filter = '';
  /** Call `invalidate` when it has changed. */
  sort: Sort = 'order';

  constructor(private readonly transport: Transport) {}

  /** One node for each model that the workspace's code names. */
  roots(): Promise<readonly ModelNode[]> {
    if (!this.models) {
      const models = this.fetchRoots();
      this.models = models;
      // A failure is told to who asked; the next look asks again.
      models.catch(() => {
        if (this.models === models) {
          this.models = undefined;
        }
      });
    }
    return this.models;
  }

  /** The rows below a node. The last is a `more` row when there are more than a page of them. */
  children(node: TreeNode): Promise<readonly TreeNode[]> {
    if (!node.collapsible) {
      return Promise.resolve([]);
    }
    const key = this.key(node);
    const levels = this.levels;
    let level = levels.get(key);
    if (!level) {
      level = this.fetchLevel(node);
      levels.set(key, level);
      level.catch(() => levels.delete(key));
    }
    return level;
  }

  /**
   * Put the next page of rows in the place of a `more` row.
   *
   * Returns the node whose children are more now, undefined if the row is not in the tree (any more).
   */
  async showMore(more: TreeNode): Promise<TreeNode | undefined> {
    const parent = this.parent(more);
    if (!parent) {
      return undefined;
    }
    const key = this.key(parent);
    const levels = this.levels;
    const shown = await levels.get(key);
    if (shown?.at(-1) !== more) {
      return undefined; // an old row, or one that was answered already
    }
    const page = await this.fetchPage(more, parent);
    if (levels === this.levels && (await levels.get(key)) === shown) {
      levels.set(key, Promise.resolve([...shown.slice(0, -1), ...page]));
      this.pages.set(key, (this.pages.get(key) ?? 1) + 1);
    }
    return parent;
  }

  /** What is looked for below a vocabulary's row; empty where all of it is shown. */
  query(vocabulary: TreeNode): string {
    return this.queries.get(this.key(vocabulary)) ?? '';
  }

  /** From now on show below a vocabulary's row the tokens with `query` in their text, or as their id; '': all. */
  search(vocabulary: TreeNode, query: string): void {
    const key = this.key(vocabulary);
    this.queries.set(key, query);
    this.levels.delete(key);
    this.pages.delete(key);
  }

  /** The node above; undefined for a root. */
  parent(node: TreeNode): TreeNode | undefined {
    return this.places.get(node)?.parent;
  }

  /** What a row is known by: the same after a refresh, and different for a row that is in two places. */
  key(node: TreeNode): string {
    return this.places.get(node)?.key ?? node.id;
  }

  /** The model that a node belongs to. */
  modelOf(node: TreeNode): ModelNode | undefined {
    let root = node;
    for (let above = this.parent(root); above; above = this.parent(root)) {
      root = above;
    }
    return this.known.find((model) => model.id === root.id);
  }

  /** The root with this id, asking the server again if it is not among the known ones. */
  async findRoot(id: string): Promise<ModelNode | undefined> {
    const find = async (): Promise<ModelNode | undefined> => (await this.roots()).find((model) => model.id === id);
    const found = await find();
    if (found) {
      return found;
    }
    // Code that was just typed: its lens may come sooner than the word that models changed.
    this.models = undefined;
    return find();
  }

  /**
   * An architecture row of a model: the one with this id, of a model that code builds in several ways, else the
   * first. Undefined for a model whose weights cannot be read.
   */
  async findArchitecture(model: ModelNode, id?: string): Promise<TreeNode | undefined> {
    const find = async (): Promise<TreeNode[]> =>
      (await this.children(model)).filter(({ icon }) => icon === 'architecture');
    let rows = await find();
    if (id !== undefined && !rows.some((row) => row.id === id)) {
      // A call that was just typed: its lens may come sooner than the word that models changed.
      this.levels.delete(this.key(model));
      rows = await find();
    }
    return rows.find((row) => row.id === id) ?? rows[0];
  }

  /**
   * The rows with these ids, each below the one before and the first a root; as far as they are there. Pages of more
   * rows are taken in on the way.
   */
  async follow(path: readonly string[]): Promise<readonly TreeNode[]> {
    const rows: TreeNode[] = [];
    let row: TreeNode | undefined = path[0] === undefined ? undefined : await this.findRoot(path[0]);
    while (row) {
      rows.push(row);
      const below = path[rows.length];
      row = below === undefined ? undefined : await this.findChild(row, below);
    }
    return rows;
  }

  /** The row at or above `node` that stands for something that can be printed: a model, or what a call builds. */
  printable(node: TreeNode): TreeNode | undefined {
    let row: TreeNode | undefined = node;
    while (row && !PRINTABLE.has(row.contextValue)) {
      row = this.parent(row);
    }
    return row;
  }

  /** What code writes for a row: `model.layers[0].mlp` for a module, a model's name in quotes, else the row's label. */
  code(node: TreeNode): string {
    if (node.icon === 'model') {
      return JSON.stringify(this.modelOf(node)?.model ?? node.label);
    }
    const names: string[] = [];
    for (let row: TreeNode | undefined = node; row && PARTS.has(row.icon); row = this.parent(row)) {
      // Of equal modules, folded as `0-17: 18 ×`, the first stands for all.
      names.unshift(...(row.label.split(/[-,:]/)[0] ?? row.label).split('.'));
    }
    const code = names.map((name) => (/^\d+$/.test(name) ? `[${name}]` : `.${name}`)).join('');
    return code.replace(/^\./, '') || node.label;
  }

  /** Models may have changed: ask the server again for whatever is looked at next. */
  invalidate(): void {
    this.models = undefined;
    // A new map rather than an empty one: answers under way belong to the old.
    this.levels = new Map();
  }

  /** Forget everything: another server answers from now on. */
  clear(): void {
    this.invalidate();
    this.known = [];
    this.pages.clear();
    this.queries.clear();
  }

  private async findChild(parent: TreeNode, id: string): Promise<TreeNode | undefined> {
    for (;;) {
      const rows = await this.children(parent);
      const found = rows.find((row) => row.id === id);
      const more = rows.at(-1);
      if (found || more?.icon !== 'more') {
        return found;
      }
      await this.showMore(more);
    }
  }

  private async fetchRoots(): Promise<readonly ModelNode[]> {
    const { filter } = this;
    const models = await this.transport.request<ModelNode[]>(MODELS, filter ? { filter } : {});
    if (filter === this.filter) {
      this.known = models;
    }
    return models;
  }

  private async fetchLevel(node: TreeNode): Promise<readonly TreeNode[]> {
    const { filter } = this;
    let rows = await this.fetchPage(node, node);
    if (rows.length === 0 && filter && node.contextValue === 'model') {
      return [this.nothingFound(node, filter)];
    }
    for (let page = this.pages.get(this.key(node)) ?? 1; page > 1; page--) {
      const more = rows.at(-1);
      if (more?.icon !== 'more') {
        break;
      }
      rows = [...rows.slice(0, -1), ...(await this.fetchPage(more, node))];
    }
    return rows;
  }

  /** Says in words that a filter left nothing of a model. */
  private nothingFound(model: TreeNode, filter: string): TreeNode {
    const label = t('No name here has “{0}” in it', filter);
    const row: TreeNode = {
      id: `${model.id}\nnothing`,
      label,
      description: '',
      tooltip: label,
      icon: 'nothing',
      collapsible: false,
      contextValue: 'nothing',
    };
    this.places.set(row, { key: `${this.key(model)}\n${row.id}`, parent: model });
    return row;
  }

  private async fetchPage(node: TreeNode, parent: TreeNode): Promise<TreeNode[]> {
    // A `more` row knows itself what was looked for.
    const query = node === parent ? this.query(node) : '';
    const rows = await this.transport.request<TreeNode[]>(CHILDREN, {
      node: node.id,
      ...(query ? { query } : {}),
      ...(this.sort === 'order' ? {} : { sort: this.sort }),
    });
    for (const row of rows) {
      this.places.set(row, { key: `${this.key(parent)}\n${row.id}`, parent });
    }
    return rows;
  }
}

/** A row as one line of text, as its user reads it. */
export function rowText(node: TreeNode): string {
  return node.description ? `${node.label}  ${node.description}` : node.label;
}
