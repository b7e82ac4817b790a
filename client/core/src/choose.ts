/** Which models a command is about: those of the rows that it was given, else those that the user picks. */
import type { ModelNode } from './protocol.js';

/** How an editor has its user pick a model. */
export interface ModelPicker {
  /** All models that there are. */
  models(): Promise<readonly ModelNode[]>;
  /** Undefined where none is picked. */
  pick(title: string, models: readonly ModelNode[]): Promise<ModelNode | undefined>;
  /** Says that there is no model; `another`: none beside those that were chosen already. */
  sayNone(another: boolean): void;
}

/** The only model there is, or the one that the user picks; none of those left `out`. */
export async function chooseModel(
  picker: ModelPicker,
  title: string,
  out: readonly ModelNode[] = [],
): Promise<ModelNode | undefined> {
  const taken = new Set(out.map(({ id }) => id));
  const models = (await picker.models()).filter(({ id }) => !taken.has(id));
  if (models.length === 0) {
    picker.sayNone(out.length > 0);
  }
  return models.length > 1 ? picker.pick(title, models) : models[0];
}

/** The two that are `given`; of fewer the user is asked for the rest, of more for both, with the title of each place. */
export async function chooseTwo(
  picker: ModelPicker,
  titles: readonly [one: string, other: string],
  given: readonly ModelNode[],
): Promise<readonly [ModelNode, ModelNode] | undefined> {
  const distinct = [...new Map(given.map((model) => [model.id, model])).values()];
  const models = distinct.length > titles.length ? [] : distinct;
  for (const title of titles.slice(models.length)) {
    const picked = await chooseModel(picker, title, models);
    if (!picked) {
      return undefined;
    }
    models.push(picked);
  }
  const [one, other] = models;
  return one && other && [one, other];
}
