import assert from 'node:assert/strict';
import { test } from 'node:test';

import { chooseModel, chooseTwo, type ModelNode, type ModelPicker } from '../src/index.js';

function model(id: string): ModelNode {
  const row = { id, label: id, description: '', tooltip: '', icon: 'model', collapsible: true, contextValue: 'model' };
  return { ...row, model: id, kind: 'hub', references: [] };
}

/** A user who picks the models with these ids, one after the other, and then none. */
class User implements ModelPicker {
  readonly asked: [title: string, ids: string[]][] = [];
  readonly told: boolean[] = [];

  constructor(
    private readonly known: readonly string[],
    private readonly picks: string[] = [],
  ) {}

  models(): Promise<readonly ModelNode[]> {
    return Promise.resolve(this.known.map(model));
  }

  pick(title: string, models: readonly ModelNode[]): Promise<ModelNode | undefined> {
    this.asked.push([title, models.map(({ id }) => id)]);
    const picked = this.picks.shift();
    return Promise.resolve(models.find(({ id }) => id === picked));
  }

  sayNone(another: boolean): void {
    this.told.push(another);
  }
}

const ids = (models: readonly ModelNode[] | undefined): string[] | undefined => models?.map(({ id }) => id);

test('the only model is not asked for', async () => {
  const user = new User(['gemma']);
  assert.equal((await chooseModel(user, 'Which?'))?.id, 'gemma');
  assert.deepEqual(user.asked, []);
});

test('where there is no model, the user is told', async () => {
  const user = new User([]);
  assert.equal(await chooseModel(user, 'Which?'), undefined);
  assert.deepEqual([user.asked, user.told], [[], [false]]);
});

test('what was not chosen is asked for, without what was', async () => {
  const user = new User(['gemma', 'llama', 'qwen'], ['qwen', 'gemma']);
  assert.deepEqual(ids(await chooseTwo(user, ['this', 'with that'], [])), ['qwen', 'gemma']);
  assert.deepEqual(user.asked, [
    ['this', ['gemma', 'llama', 'qwen']],
    ['with that', ['gemma', 'llama']],
  ]);
});

test('two rows of one model are one, and of more than two models which two to compare is asked', async () => {
  const user = new User(['gemma', 'llama', 'qwen'], ['llama', 'qwen', 'llama']);
  assert.deepEqual(ids(await chooseTwo(user, ['this', 'with that'], [model('gemma'), model('gemma')])), ['gemma', 'llama']);
  assert.deepEqual(user.asked, [['with that', ['llama', 'qwen']]]);
  const three = ['qwen', 'gemma', 'llama'].map(model);
  assert.deepEqual(ids(await chooseTwo(user, ['this', 'with that'], three)), ['qwen', 'llama']);
});

test('nothing is compared where nothing is picked, or there is no other', async () => {
  assert.equal(await chooseTwo(new User(['gemma', 'llama', 'qwen']), ['this', 'with that'], [model('gemma')]), undefined);
  const alone = new User(['gemma']);
  assert.equal(await chooseTwo(alone, ['this', 'with that'], [model('gemma')]), undefined);
  assert.deepEqual(alone.told, [true]);
});
