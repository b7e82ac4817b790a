import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { probe } from '../src/python';

const folder = mkdtempSync(join(tmpdir(), 'loupe-python-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A program that stands in for an interpreter that this machine does not have. */
function program(name: string, script: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

test('an interpreter that can run the server, whatever it prints before it answers', async () => {
  const python = program('chatty', `echo 'hello from sitecustomize'; exec python3 "$@"`);
  const found = await probe(python);
  assert(found.kind === 'found');
  assert.match(found.version, /^3\.\d+\.\d+$/);
});

test('an interpreter that is too old', async () => {
  const python = program('old', `echo '{"python": "p", "version": [3, 9, 18]}'`);
  const found = await probe(python);
  assert.deepEqual(found, { kind: 'old-python', version: '3.9.18' });
});

test('a path where nothing is, and a program that fails', async () => {
  const missing = await probe(join(folder, 'nothing'));
  assert(missing.kind === 'broken-python');
  assert.match(missing.reason, /ENOENT/);
  const failing = await probe(program('failing', 'echo "no such shared library" >&2; exit 127'));
  assert.deepEqual(failing, { kind: 'broken-python', reason: 'no such shared library' });
  const silent = await probe(program('silent', 'exit 0'));
  assert.equal(silent.kind, 'broken-python');
});
