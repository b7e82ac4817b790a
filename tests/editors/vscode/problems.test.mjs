// What a user sees when the interpreter cannot run the server.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { photograph } from '../lib/browser.mjs';
import { openFile, openWorkbench, PYTHON } from '../lib/codeServer.mjs';
import { run, until } from '../lib/processes.mjs';

let home;
let workbench;
let page;

before(async () => {
  home = mkdtempSync(join(tmpdir(), 'loupe-'));
  const workspace = join(home, 'project');
  await run(PYTHON, ['-m', 'venv', '--without-pip', join(workspace, '.venv')]);
  writeFileSync(join(workspace, 'train.py'), 'print("hello")\n');
  const settings = { 'modelLoupe.interpreter': '${workspaceFolder}/.venv/bin/python' };
  // Nothing of the environment that the tests run in reaches the bare one.
  workbench = await openWorkbench(workspace, settings, {
    environment: { PYTHONPATH: undefined, PYTHONHOME: undefined },
  });
  page = workbench.page;
  page.setDefaultTimeout(20_000);
});

after(async () => {
  await workbench?.close();
  rmSync(home, { recursive: true, force: true });
});

const notification = (text) => page.locator('.notifications-toasts .notification-toast', { hasText: text });
const button = (text, name) => notification(text).locator('.monaco-button', { hasText: name });

function useInterpreter(python) {
  mkdirSync(join(home, 'project/.vscode'), { recursive: true });
  const settings = JSON.stringify({ 'modelLoupe.interpreter': python });
  writeFileSync(join(home, 'project/.vscode/settings.json'), settings);
}

/** An environment whose server ends at its start, as one does whose dependencies were changed under it. */
async function makeBroken(environment) {
  await run(PYTHON, ['-m', 'venv', '--without-pip', environment]);
  const python = join(environment, 'bin/python');
  const code = 'import sysconfig; print(sysconfig.get_path("purelib"))';
  const folder = join((await run(python, ['-c', code])).trim(), 'model_loupe');
  mkdirSync(folder);
  writeFileSync(join(folder, '__init__.py'), '__version__ = "0.0.1"\n');
  writeFileSync(join(folder, '__main__.py'), 'raise ImportError("cannot import name LanguageServer")\n');
  return python;
}

test('without the package: a notification that says where it is missing and offers to install it', async () => {
  await openFile(page, 'train.py');
  const text = 'The package model-loupe is not installed';
  await button(text, 'Install').waitFor();
  assert.match(await notification(text).innerText(), /project\/\.venv\/bin\/python \(Python 3\.\d+/);
  assert.equal(await button(text, 'Choose Interpreter').count(), 1);
  assert.equal(await button(text, 'Show Log').count(), 1);
  await page.locator('.statusbar-item.warning-kind', { hasText: 'Model Loupe' }).waitFor();
  await photograph(page, 'not-installed');
});

test('Install runs pip where the user sees it, and says so when that fails', async () => {
  await button('The package model-loupe is not installed', 'Install').click();
  // The environment has no pip: nothing is installed by this test, from anywhere.
  await notification('the installation failed').waitFor();
  await photograph(page, 'install-failed');
  const terminal = page.locator('.terminal-tab, .single-terminal-tab, .terminal-tabs-entry', { hasText: 'Install model-loupe' });
  await terminal.first().waitFor();
});

test('a Python that is not there has a message of its own', async () => {
  useInterpreter('/nowhere/python');
  const text = 'This Python does not run: /nowhere/python';
  await button(text, 'Choose Interpreter').waitFor();
  assert.equal(await button(text, 'Install').count(), 0);
});

test('a server that ends at its start is given up, and the log has its last words', async () => {
  useInterpreter(await makeBroken(join(home, 'broken')));
  const text = 'The language server does not run';
  await button(text, 'Show Log').waitFor();
  await photograph(page, 'broken');
  assert.equal(await button(text, 'Restart').count(), 1);
  assert.match(workbench.log(), /ImportError: cannot import name LanguageServer/);
});

test('once an interpreter with the server is chosen, the server runs', async () => {
  useInterpreter(PYTHON);
  const status = page.locator('.statusbar-item', { hasText: 'Model Loupe' });
  await until(async () => /Model Loupe \d.* with Python 3/.test((await status.getAttribute('aria-label')) ?? ''), 'the server runs');
});
