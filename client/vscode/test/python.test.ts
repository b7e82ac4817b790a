import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { probe } from '../src/python';
import { problem } from '../src/state';

const folder = mkdtempSync(join(tmpdir(), 'loupe-python-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A program that stands in for an interpreter that this machine does not have. */
function program(name: string, script: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

test('an interpreter without the package', async () => {
  execFileSync('python3', ['-m', 'venv', '--without-pip', join(folder, 'venv')]);
  const python = join(folder, 'venv/bin/python');
  const found = await probe(python);
  assert.equal(found.kind, 'no-server');
  assert.match(problem({ ...found, python }) ?? '', /^The package model-loupe is not installed in .*venv.*Python 3\./);
});

test('a package of that name that does not load: the reason is told', async () => {
  const answer = '{"python": "p", "version": [3, 12, 1], "reason": "ImportError: no pygls"}';
  const python = program('broken', `echo 'hello from sitecustomize'; echo '${answer}'`);
  const found = await probe(python);
  assert.deepEqual(found, { kind: 'no-server', version: '3.12.1', reason: 'ImportError: no pygls' });
  assert.match(problem({ ...found, python }) ?? '', /does not load in .*broken: ImportError: no pygls/);
});

test('an interpreter that is too old', async () => {
  const python = program('old', `echo '{"python": "p", "version": [3, 9, 18]}'`);
  const found = await probe(python);
  assert.deepEqual(found, { kind: 'old-python', version: '3.9.18' });
  assert.match(problem({ ...found, python }) ?? '', /needs Python 3\.11 or newer; .*old is 3\.9\.18/);
});

test('a path where nothing is, and a program that fails', async () => {
  const missing = await probe(join(folder, 'nothing'));
  assert(missing.kind === 'no-python');
  assert.match(missing.reason, /ENOENT/);
  const failing = await probe(program('failing', 'echo "no such shared library" >&2; exit 127'));
  assert.deepEqual(failing, { kind: 'no-python', reason: 'no such shared library' });
  const silent = await probe(program('silent', 'exit 0'));
  assert.equal(silent.kind, 'no-python');
});
