// Which Python runs the server, and when none may: one workbench, from a folder that nobody trusts yet to a running
// server that changes its libraries. No interpreter here has any package.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { photograph } from '../lib/browser.mjs';
import { openFile, openWorkbench, PYTHON } from '../lib/codeServer.mjs';
import { run, until } from '../lib/processes.mjs';

let home;
let workspace;
let workbench;
let page;

before(async () => {
  home = mkdtempSync(join(tmpdir(), 'loupe-'));
  workspace = join(home, 'download');
  mkdirSync(join(workspace, '.vscode'), { recursive: true });
  writeFileSync(join(workspace, 'train.py'), 'print("hello")\n');
  await makeEnvironment('bare');
  // The workspace names its own interpreter, which leaves a trace when it is run.
  const script = `#!/bin/sh\necho run >> "${join(home, 'trace')}"\nexec "${environment('bare')}" "$@"\n`;
  writeFileSync(join(workspace, 'python'), script, { mode: 0o755 });
  useInterpreter('${workspaceFolder}/python');
  const pythons = [environment('bare'), PYTHON].join(':');
  workbench = await openWorkbench(workspace, {}, {
    // Nothing of the environment that the tests run in reaches the bare one.
    environment: { PYTHONPATH: undefined, PYTHONHOME: undefined, LOUPE_TEST_PYTHONS: pythons },
    extension: fileURLToPath(new URL('python-extension', import.meta.url)),
    trusting: false,
  });
  page = workbench.page;
  page.setDefaultTimeout(20_000);
});

after(async () => {
  await workbench?.close();
  rmSync(home, { recursive: true, force: true });
});

function environment(name) {
  return join(home, name, 'bin/python');
}

function makeEnvironment(name) {
  return run(PYTHON, ['-m', 'venv', '--without-pip', join(home, name)]);
}

const notification = (text) => page.locator('.notifications-toasts .notification-toast', { hasText: text });
const button = (text, name) => notification(text).locator('.monaco-button', { hasText: name });

function useInterpreter(python) {
  writeFileSync(join(workspace, '.vscode/settings.json'), JSON.stringify({ 'modelLoupe.interpreter': python }));
}

/** An environment that ends whatever server is started in it, as one does whose Python was damaged. */
async function makeBroken(name) {
  await makeEnvironment(name);
  const code = 'import sysconfig; print(sysconfig.get_path("purelib"))';
  const folder = (await run(environment(name), ['-c', code])).trim();
  const end = 'print("Illegal instruction", file=sys.stderr, flush=True); os._exit(1)';
  writeFileSync(join(folder, 'sitecustomize.py'), `import os, sys\nif "serve" in sys.orig_argv: ${end}\n`);
}

const status = (...parts) =>
  until(async () => {
    const item = page.locator('.statusbar-item', { hasText: 'Model Loupe' });
    const text = (await item.count()) > 0 ? ((await item.getAttribute('aria-label')) ?? '') : '';
    return parts.every((part) => text.includes(part));
  }, `the status has ${parts.join(', ')}`);

test('in Restricted Mode nothing runs, and the view and the status say why', async () => {
  await openFile(page, 'train.py');
  await status('starts once this workspace is trusted');
  await page.locator('.activitybar .action-item a[aria-label*="Model Loupe"]').click();
  await page.locator('.welcome-view', { hasText: 'Model Loupe starts once this workspace is trusted' }).waitFor();
  await photograph(page, 'restricted');
  await page.locator('.statusbar-item', { hasText: 'Model Loupe' }).click();
  const actions = page.locator('.quick-input-widget .monaco-list-row');
  await actions.filter({ hasText: 'Manage Workspace Trust' }).waitFor();
  assert.equal(await actions.filter({ hasText: 'Restart Language Server' }).count(), 0);
  await page.keyboard.press('Escape');
  assert.equal(existsSync(join(home, 'trace')), false);
});

test('once the workspace is trusted, its own Python runs the server: it needs no package', async () => {
  await page.locator('.welcome-view .monaco-button', { hasText: 'Manage Workspace Trust' }).click();
  await page.locator('.workspace-trust-editor .monaco-button', { hasText: /^Trust$/ }).click();
  await status('with Python 3', 'download/python');
  assert.equal(existsSync(join(home, 'trace')), true);
});

test('a Python that is not there: a notification names it and offers to choose another', async () => {
  useInterpreter('/nowhere/python');
  await button('This Python does not run: /nowhere/python', 'Choose Interpreter').waitFor();
  await page.locator('.statusbar-item.warning-kind', { hasText: 'Model Loupe' }).waitFor();
  await page.locator('.welcome-view', { hasText: 'The chosen Python does not run' }).waitFor();
  await photograph(page, 'no-python');
});

test('a server that ends at its start is given up, and the log has its last words', async () => {
  await makeBroken('broken');
  useInterpreter(environment('broken'));
  const text = 'The language server does not run';
  await button(text, 'Show Log').waitFor();
  await photograph(page, 'broken');
  assert.equal(await button(text, 'Restart').count(), 1);
  assert.equal(await notification("couldn't create connection").count(), 0);
  assert.match(workbench.log(), /Illegal instruction/);
});

test('a Python too old for the server is asked all the same: a newer one on the PATH runs the server', async () => {
  const old = join(home, 'python3.9');
  writeFileSync(old, `#!/bin/sh\necho '{"python": "${old}", "version": [3, 9, 18]}'\n`, { mode: 0o755 });
  useInterpreter(old);
  await status('with Python 3.9.18', old, 'the server runs under');
});

test("the environment that the Python extension selects is asked, before the PATH's Python", async () => {
  const servers = workbench.languageServers();
  assert.equal(servers.length, 1);
  useInterpreter('');
  await status('with Python 3', environment('bare'));
  // The server, which another Python runs, stays.
  assert.deepEqual(workbench.languageServers(), servers);
});

test('selecting another one leaves the server running: its worker asks the other libraries', async () => {
  const servers = workbench.languageServers();
  await page.keyboard.press('F1');
  await page.keyboard.insertText('Model Loupe: Choose Interpreter');
  await page.locator('.quick-input-list .monaco-list-row', { hasText: 'Choose Interpreter' }).click();
  await page.locator('.quick-input-list .monaco-list-row', { hasText: 'Select in the Python extension' }).click();
  await status('with Python 3', PYTHON);
  assert.deepEqual(workbench.languageServers(), servers);
});

test('a server that keeps ending is started again five times; then a message has the log one click away', async () => {
  const starts = () => workbench.log().match(/The language server runs/g).length;
  const before = starts();
  const killed = new Set();
  const alive = () => workbench.languageServers().find((pid) => !killed.has(pid));
  for (let restarts = 0; restarts <= 5; restarts++) {
    // One that ended before it was ready would be given up for that.
    await until(() => starts() === before + restarts, `it runs, started again ${restarts} times`);
    // One that was killed may still be listed.
    const server = await until(alive, 'its process is there');
    killed.add(server);
    process.kill(server, 'SIGKILL');
  }
  await button('it ended by itself, the log may say why', 'Show Log').click();
  await page.locator('.part.panel .output-view').waitFor();
  await photograph(page, 'given-up');
  assert.deepEqual(workbench.languageServers(), []);
});
