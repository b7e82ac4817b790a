// What axe-core finds in a page, or in a frame of it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Fails with what is seriously wrong in the part of a page or frame that `selector` names. */
export async function assertAccessible(frame, selector) {
  await frame.evaluate(AXE);
  const found = await frame.evaluate(async (within) => {
    const { violations } = await window.axe.run(within, { resultTypes: ['violations'] });
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.length} times, such as ${nodes[0].html}: ${nodes[0].failureSummary}`);
  }, selector);
  assert.deepEqual(found, []);
}
