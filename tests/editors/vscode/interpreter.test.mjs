// Which Python runs the server, and when none may: one workbench, from a folder that nobody trusts yet to a running
// server that changes its libraries. No interpreter here has any package.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { devNull, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';

import { photograph } from '../lib/browser.mjs';
import { openFile, openWorkbench, PYTHON } from '../lib/codeServer.mjs';
import { run, until } from '../lib/processes.mjs';
import { steps } from '../lib/steps.mjs';

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
    environment: { PYTHONPATH: undefined, PYTHONHOME: undefined, LOUPE_TEST_PYTHONS: pythons, ...localPip() },
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

const step = steps('vscode', () => ({ page, log: workbench.log }));

function environment(name) {
  return join(home, name, 'bin/python');
}

function makeEnvironment(name) {
  return run(PYTHON, ['-m', 'venv', '--without-pip', join(home, name)]);
}

/** An environment that has pip, and by it modules that pass for torch and transformers. */
async function makeEnvironmentWithPip(name) {
  await run(PYTHON, ['-m', 'venv', join(home, name)]);
  mkdirSync(wheels());
  await makeWheel('torch', '2.13.0');
  await makeWheel('transformers', '5.23.0');
  const env = { ...process.env, ...localPip() };
  await run(environment(name), ['-m', 'pip', 'install', 'torch', 'transformers'], { env });
}

const wheels = () => join(home, 'wheels');

/** Has pip ask nobody, and take what is in this one folder. */
function localPip() {
  return { PIP_NO_INDEX: '1', PIP_FIND_LINKS: wheels(), PIP_CONFIG_FILE: devNull, PIP_DISABLE_PIP_VERSION_CHECK: '1' };
}

/** A wheel with one empty module. */
function makeWheel(name, version) {
  const code = `
import sys, zipfile
name, version, folder = sys.argv[1:]
info = f"{name}-{version}.dist-info"
with zipfile.ZipFile(f"{folder}/{name}-{version}-py3-none-any.whl", "w") as wheel:
    wheel.writestr(f"{name}.py", "")
    wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n")
    wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr(f"{info}/RECORD", "")
`;
  return run(PYTHON, ['-c', code, name, version, wheels()]);
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

step('in Restricted Mode nothing runs, and the view and the status say why', async () => {
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

step('once the workspace is trusted, its own Python runs the server: it needs no package', async () => {
  await page.locator('.welcome-view .monaco-button', { hasText: 'Manage Workspace Trust' }).click();
  await page.locator('.workspace-trust-editor .monaco-button', { hasText: /^Trust$/ }).click();
  await status('with Python 3', 'download/python');
  assert.equal(existsSync(join(home, 'trace')), true);
  // It stands before all else, and takes the keys.
  await page.locator('.modal-editor-part .codicon-close').last().click();
  await page.locator('.modal-editor-part').waitFor({ state: 'detached' });
});

step('a Python that is not there: a notification names it and offers to choose another', async () => {
  useInterpreter('/nowhere/python');
  await button('This Python does not run: /nowhere/python', 'Choose Interpreter').waitFor();
  await page.locator('.statusbar-item.warning-kind', { hasText: 'Model Loupe' }).waitFor();
  await page.locator('.welcome-view', { hasText: 'The chosen Python does not run' }).waitFor();
  await photograph(page, 'no-python');
});

step('a server that ends at its start is given up, and the log has its last words', async () => {
  await makeBroken('broken');
  useInterpreter(environment('broken'));
  const text = 'The language server does not run';
  await button(text, 'Show Log').waitFor();
  await photograph(page, 'broken');
  assert.equal(await button(text, 'Restart').count(), 1);
  assert.equal(await notification("couldn't create connection").count(), 0);
  assert.match(workbench.log(), /Illegal instruction/);
});

step('a Python too old for the server is asked all the same: a newer one on the PATH runs the server', async () => {
  const old = join(home, 'python3.9');
  writeFileSync(old, `#!/bin/sh\necho '{"python": "${old}", "version": [3, 9, 18]}'\n`, { mode: 0o755 });
  useInterpreter(old);
  await status('with Python 3.9.18', old, 'the server runs under');
});

step("the environment that the Python extension selects is asked, before the PATH's Python", async () => {
  const servers = workbench.languageServers();
  assert.equal(servers.length, 1);
  useInterpreter('');
  await status('with Python 3', environment('bare'));
  // The server, which another Python runs, stays.
  assert.deepEqual(workbench.languageServers(), servers);
});

step('selecting another one leaves the server running: its worker asks the other libraries', async () => {
  const servers = workbench.languageServers();
  await page.keyboard.press('F1');
  await page.keyboard.insertText('Model Loupe: Choose Interpreter');
  await page.locator('.quick-input-list .monaco-list-row', { hasText: 'Choose Interpreter' }).click();
  await page.locator('.quick-input-list .monaco-list-row', { hasText: 'Select in the Python extension' }).click();
  await status('with Python 3', PYTHON);
  assert.deepEqual(workbench.languageServers(), servers);
});

const quickFix = async (text, title) => {
  await page.locator('.editor-instance .view-line span span', { hasText: text }).first().click();
  const action = page.locator('.action-widget .monaco-list-row', { hasText: title });
  await until(async () => {
    await page.keyboard.press('Control+.');
    return action.click({ timeout: 3000 }).then(() => true, () => false);
  }, `${title} is offered`);
};

step('a package that the code needs is installed by pip, whose last words are one click away where it fails', async () => {
  await makeEnvironmentWithPip('installing');
  const load = 'model = AutoModel.from_pretrained("./model", device_map="auto")';
  writeFileSync(join(workspace, 'load.py'), `from transformers import AutoModel\n\n${load}\n`);
  useInterpreter(environment('installing'));
  await status('with Python 3', environment('installing'));
  await openFile(page, 'load.py');
  await quickFix('device_map', 'Install accelerate');
  const told = button('pip did not install accelerate (exit code 1)', 'Show Terminal');
  await told.waitFor();
  const terminal = page.locator('.part.panel .terminal-wrapper.active .xterm-screen');
  await page.locator('.part.panel [aria-label^="Hide Panel"]').click();
  await terminal.waitFor({ state: 'hidden' });
  await told.click();
  await terminal.waitFor();
  await photograph(page, 'pip-failed');
  await makeWheel('accelerate', '1.15.0');
  await quickFix('device_map', 'Install accelerate');
  await page.locator('.editor-instance .squiggly-error').waitFor({ state: 'detached' });
});

step('a server that keeps ending is started again five times; then a message has the log one click away', async () => {
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
