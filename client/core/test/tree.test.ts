import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CHILDREN, MODELS, ModelTree, PRINT_MODEL, printModel, rowText, type ChildrenParams, type TreeNode } from '../src/index.js';

const PAGE = 3;

function node(id: string, icon = 'module', collapsible = true): TreeNode {
  return { id, label: id, description: '', tooltip: '', icon, collapsible, contextValue: icon };
}

/** A server whose model has `size` modules, told in pages, and a tensor that stands in two places. */
class Server {
  readonly asked: string[] = [];
  readonly queries: (string | undefined)[] = [];
  models = ['gemma'];
  size = 7;
  /** Other ways than the first in which code builds the model. */
  ways: string[] = [];
  failures = 0;

  request<T>(method: string, params: unknown): Promise<T> {
    const id = (params as Partial<ChildrenParams>).node ?? '';
    this.asked.push(method === MODELS ? 'models' : id);
    this.queries.push((params as Partial<ChildrenParams>).query);
    if (method === PRINT_MODEL) {
      return Promise.resolve({ title: id, text: `${id}()` } as T);
    }
    if (this.failures > 0) {
      this.failures -= 1;
      return Promise.reject(new Error('the server is busy'));
    }
    return Promise.resolve((method === MODELS ? this.roots() : this.children(method, id)) as T);
  }

  private roots(): unknown {
    return this.models.map((model) => ({ ...node(model, 'model'), model, kind: 'local', references: [] }));
  }

  private children(method: string, id: string): TreeNode[] {
    assert.equal(method, CHILDREN);
    if (this.models.includes(id)) {
      const ways = ['', ...this.ways].map((way) => node(`${id}/architecture${way}`, 'architecture'));
      return [...ways, node(`${id}/dtypes`, 'dtypes')];
    }
    if (id === 'gemma/dtypes') {
      return [node('module 0')];
    }
    if (id.startsWith('module')) {
      return [node('weight', 'parameter', false)];
    }
    const start = Number(id.split('@')[1] ?? 0);
    const end = Math.min(start + PAGE, this.size);
    const rows = Array.from({ length: end - start }, (_, offset) => node(`module ${start + offset}`));
    return end < this.size ? [...rows, node(`gemma/architecture@${end}`, 'more')] : rows;
  }
}

async function architecture(tree: ModelTree): Promise<TreeNode> {
  const [model] = await tree.roots();
  assert(model);
  const found = await tree.findArchitecture(model);
  assert(found);
  return found;
}

const labels = async (tree: ModelTree, parent: TreeNode): Promise<string[]> =>
  (await tree.children(parent)).map((row) => row.label);

test('a level is asked for once, also by two who ask at the same time', async () => {
  const server = new Server();
  const tree = new ModelTree(server);
  const [[model], [again]] = await Promise.all([tree.roots(), tree.roots()]);
  assert(model);
  assert.equal(model, again);
  await Promise.all([tree.children(model), tree.children(model)]);
  await tree.children(model);
  assert.deepEqual(server.asked, ['models', 'gemma']);
});

test('a row without children is not asked about', async () => {
  const server = new Server();
  assert.deepEqual(await new ModelTree(server).children(node('weight', 'parameter', false)), []);
  assert.deepEqual(server.asked, []);
});

test('a failure reaches who asked, and the next look asks again', async () => {
  const server = new Server();
  const tree = new ModelTree(server);
  server.failures = 1;
  await assert.rejects(tree.roots(), /busy/);
  const [model] = await tree.roots();
  assert(model);
  server.failures = 1;
  await assert.rejects(tree.children(model), /busy/);
  assert.equal((await tree.children(model)).length, 2);
});

test('pages are put where the "more" row was, one at a time', async () => {
  const tree = new ModelTree(new Server());
  const parent = await architecture(tree);
  const more = (await tree.children(parent)).at(-1);
  assert(more);
  // A double click shows one page more, not two.
  const [changed] = await Promise.all([tree.showMore(more), tree.showMore(more)]);
  assert.equal(changed, parent);
  assert.deepEqual((await labels(tree, parent)).slice(0, 6), [0, 1, 2, 3, 4, 5].map((i) => `module ${i}`));
  const last = (await tree.children(parent)).at(-1);
  assert(last);
  await tree.showMore(last);
  assert.deepEqual(await labels(tree, parent), [0, 1, 2, 3, 4, 5, 6].map((i) => `module ${i}`));
  assert.equal(await tree.showMore(more), undefined);
});

test('a vocabulary is searched, from its first page on, until it is asked for whole again', async () => {
  const server = new Server();
  const tree = new ModelTree(server);
  const vocabulary = await architecture(tree);
  await tree.children(vocabulary);
  tree.search(vocabulary, 'ab');
  assert.equal(tree.query(vocabulary), 'ab');
  await tree.children(vocabulary);
  assert.equal(server.queries.at(-1), 'ab');
  const more = (await tree.children(vocabulary)).at(-1);
  assert(more);
  await tree.showMore(more);
  assert.equal(server.queries.at(-1), undefined);
  tree.invalidate();
  const again = await architecture(tree);
  await tree.children(again);
  assert(server.queries.includes('ab', server.queries.length - 2));
  tree.search(again, '');
  await tree.children(again);
  assert.equal(server.queries.at(-1), undefined);
});

test('a refresh asks again and keeps the pages that were shown', async () => {
  const server = new Server();
  const tree = new ModelTree(server);
  const before = await architecture(tree);
  const more = (await tree.children(before)).at(-1);
  assert(more);
  await tree.showMore(more);
  server.size = 5;
  tree.invalidate();
  const after = await architecture(tree);
  assert.notEqual(after, before);
  assert.equal(tree.key(after), tree.key(before));
  assert.deepEqual(await labels(tree, after), [0, 1, 2, 3, 4].map((i) => `module ${i}`));
});

test('an answer that was under way when models changed is not kept', async () => {
  const server = new Server();
  const tree = new ModelTree(server);
  const parent = await architecture(tree);
  const old = tree.children(parent);
  tree.invalidate();
  server.size = 2;
  await old;
  assert.deepEqual(await labels(tree, await architecture(tree)), ['module 0', 'module 1']);
});

test('rows know what is above them, and a row in two places has two keys', async () => {
  const tree = new ModelTree(new Server());
  const [model] = await tree.roots();
  assert(model);
  const [inArchitecture] = await tree.children(await architecture(tree));
  const dtypes = (await tree.children(model))[1];
  assert(inArchitecture && dtypes);
  const [inDtypes] = await tree.children(dtypes);
  assert(inDtypes);
  assert.equal(inArchitecture.id, inDtypes.id);
  assert.notEqual(tree.key(inArchitecture), tree.key(inDtypes));
  assert.equal(tree.parent(inDtypes), dtypes);
  assert.equal(tree.parent(dtypes), model);
  assert.equal(tree.parent(model), undefined);
  assert.equal(tree.modelOf(inDtypes), model);
});

test('a root is found by its id, also one that the server knows only now', async () => {
  const server = new Server();
  const tree = new ModelTree(server);
  assert.equal((await tree.findRoot('gemma'))?.model, 'gemma');
  assert.deepEqual(server.asked, ['models']);
  server.models.push('phi');
  assert.equal((await tree.findRoot('phi'))?.model, 'phi');
  assert.equal(await tree.findRoot('no such model'), undefined);
});

test('of several architectures the one that is meant is found, also one that is known only now', async () => {
  const server = new Server();
  const tree = new ModelTree(server);
  const [model] = await tree.roots();
  assert(model);
  const find = async (id?: string): Promise<string | undefined> => (await tree.findArchitecture(model, id))?.id;
  assert.equal(await find(), 'gemma/architecture');
  server.ways.push('?AutoModel');
  assert.equal(await find('gemma/architecture?AutoModel'), 'gemma/architecture?AutoModel');
  // A call that the code no longer has: the model is shown all the same.
  assert.equal(await find('gemma/architecture?BertModel'), 'gemma/architecture');
});

test('a path is followed as far as there are rows, through pages of them', async () => {
  const tree = new ModelTree(new Server());
  const follow = async (...path: string[]): Promise<string[]> => (await tree.follow(path)).map(({ id }) => id);
  const way = ['gemma', 'gemma/architecture', 'module 5', 'weight'];
  assert.deepEqual(await follow(...way), way);
  assert.deepEqual(await follow('gemma', 'gemma/architecture', 'module 99', 'weight'), ['gemma', 'gemma/architecture']);
  assert.deepEqual(await follow('phi', 'phi/architecture'), []);
  assert.deepEqual(await follow(), []);
});

test('what is printed is the architecture or the model that a row belongs to', async () => {
  const tree = new ModelTree(new Server());
  const [model] = await tree.roots();
  assert(model);
  const built = await architecture(tree);
  const [module] = await tree.children(built);
  const dtypes = (await tree.children(model))[1];
  assert(module && dtypes);
  assert.equal(tree.printable(module), built);
  assert.equal(tree.printable(dtypes), model);
  assert.equal(tree.printable(model), model);
  assert.equal(tree.printable(node('of no tree')), undefined);
  assert.deepEqual(await printModel(new Server(), built.id), { title: built.id, text: `${built.id}()` });
});

test('a row is copied as its user reads it', () => {
  assert.equal(rowText({ ...node('q_proj'), description: '4.2 M' }), 'q_proj  4.2 M');
  assert.equal(rowText(node('q_proj')), 'q_proj');
});

test('a row is written as code writes it', async () => {
  const rows: Record<string, TreeNode[]> = {
    gemma: [node('architecture', 'architecture')],
    architecture: [node('model')],
    model: [{ ...node('layers'), id: 'layers' }],
    layers: [{ ...node('0-17: 18 ×', 'modules'), id: 'layer' }],
    layer: [node('weight', 'parameter', false)],
  };
  const tree = new ModelTree({
    request: <T>(method: string, params: unknown) => {
      const root = { ...node('gemma', 'model'), model: './gemma', kind: 'local', references: [] };
      return Promise.resolve((method === MODELS ? [root] : rows[(params as ChildrenParams).node]) as T);
    },
  });
  let [row] = (await tree.roots()) as readonly TreeNode[];
  assert(row);
  assert.equal(tree.code(row), '"./gemma"');
  for (const code of ['architecture', 'model', 'model.layers', 'model.layers[0]', 'model.layers[0].weight']) {
    [row] = await tree.children(row);
    assert(row);
    assert.equal(tree.code(row), code);
  }
});

test('a filter and an order are asked of the server', async () => {
  const asked: unknown[] = [];
  const tree = new ModelTree({
    request: <T>(_method: string, params: unknown) => {
      asked.push(params);
      return Promise.resolve([{ ...node('gemma', 'model'), model: 'gemma', kind: 'hub', references: [] }] as T);
    },
  });
  tree.filter = 'q_proj';
  tree.sort = 'size';
  const [root] = await tree.roots();
  assert(root);
  await tree.children(root);
  assert.deepEqual(asked, [{ filter: 'q_proj' }, { node: 'gemma', sort: 'size' }]);
});

test('a model in which a filter finds nothing says so, in a row of its own', async () => {
  const found: TreeNode[] = [];
  const tree = new ModelTree({
    request: <T>(method: string) => {
      const root = { ...node('gemma', 'model'), model: 'gemma', kind: 'local', references: [] };
      return Promise.resolve((method === MODELS ? [root] : found) as T);
    },
  });
  const [whole] = await tree.roots();
  assert(whole);
  assert.deepEqual(await tree.children(whole), []);
  tree.filter = 'no_proj';
  tree.invalidate();
  const [model] = await tree.roots();
  assert(model);
  const [row, ...others] = await tree.children(model);
  assert(row);
  assert.equal(row.label, 'No name here has “no_proj” in it');
  assert.equal(tree.modelOf(row), model);
  assert.deepEqual(others, []);
  found.push(node('q_proj', 'parameter', false));
  tree.invalidate();
  assert.deepEqual(await tree.children(model), found);
});

test('models of a filter that is no longer set come too late', async () => {
  const answers: (() => void)[] = [];
  const tree = new ModelTree({
    request: <T>(_method: string, params: object) =>
      new Promise<T>((resolve) => {
        const { filter = '' } = params as { filter?: string };
        const root = { ...node(`gemma ${filter}`, 'model'), model: 'gemma', kind: 'local', references: [] };
        answers.push(() => resolve([root] as T));
      }),
  });
  tree.filter = 'q';
  const older = tree.roots();
  tree.filter = 'q_proj';
  tree.invalidate();
  const newer = tree.roots();
  answers[1]?.();
  const [model] = await newer;
  answers[0]?.();
  const [late] = await older;
  assert(model && late);
  assert.equal(tree.modelOf(model), model);
  assert.equal(tree.modelOf(late), undefined);
});
