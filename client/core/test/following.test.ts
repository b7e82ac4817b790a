import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Following } from '../src/index.js';

/** Answers one question after the other, when the test says so. */
class Server {
  readonly shown: string[] = [];
  private readonly asked: { resolve(answer: string[]): void; reject(reason: Error): void }[] = [];
  readonly following = new Following<string[]>({
    ask: () => new Promise((resolve, reject) => this.asked.push({ resolve, reject })),
    draw: (answer) => this.shown.push(`drawn: ${answer.join()}`),
    say: (problem) => this.shown.push(`said: ${problem}`),
  });

  async answer(answer: string[] | Error): Promise<string[]> {
    const refreshed = this.following.refresh();
    this.settle(this.asked.length - 1, answer);
    await refreshed;
    return this.shown.splice(0);
  }

  settle(index: number, answer: string[] | Error): void {
    if (answer instanceof Error) {
      this.asked[index]?.reject(answer);
    } else {
      this.asked[index]?.resolve(answer);
    }
  }
}

test('an answer is drawn once, and again when it has changed', async () => {
  const server = new Server();
  assert.deepEqual(await server.answer(['a']), ['said: ', 'drawn: a']);
  assert.deepEqual(await server.answer(['a']), ['said: ']);
  assert.deepEqual(await server.answer(['b']), ['said: ', 'drawn: b']);
});

test('why there is none is said, and the answer that comes then is drawn, though it is as before', async () => {
  const server = new Server();
  await server.answer(['a']);
  assert.equal(server.following.hasAnswer, true);
  assert.deepEqual(await server.answer(new Error('no such folder')), ['said: no such folder']);
  assert.equal(server.following.hasAnswer, false);
  assert.deepEqual(await server.answer(['a']), ['said: ', 'drawn: a']);
});

test('an older question’s answer is not shown, nor one that comes when all is over', async () => {
  const server = new Server();
  const { following } = server;
  const both = [following.refresh(), following.refresh()];
  server.settle(1, ['new']);
  server.settle(0, ['old']);
  await Promise.all(both);
  assert.deepEqual(server.shown.splice(0), ['said: ', 'drawn: new']);
  const last = following.refresh();
  following.stop();
  server.settle(2, new Error('too late'));
  await last;
  assert.deepEqual(server.shown, []);
});
