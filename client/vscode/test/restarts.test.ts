import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Restarts } from '../src/restarts';

const MINUTE = 60_000;

test('a server that keeps ending is started again five times, the sixth end is the last', () => {
  const restarts = new Restarts();
  const answers = [0, 1, 2, 3, 4, 5].map((second) => restarts.another(second * 1000));
  assert.deepEqual(answers, [true, true, true, true, true, false]);
});

test('ends three minutes ago no longer count', () => {
  const restarts = new Restarts();
  for (let end = 0; end < 5; end++) {
    restarts.another(end);
  }
  assert.equal(restarts.another(3 * MINUTE - 1), false);
  // Of the six ends four are as old as that by now.
  assert.equal(restarts.another(3 * MINUTE + 3), true);
});

test('a server that ends now and then is started again for ever', () => {
  const restarts = new Restarts();
  for (let end = 0; end < 100; end++) {
    assert.equal(restarts.another(end * 0.7 * MINUTE), true);
  }
});
