// A workspace that its user does not trust: its Python is not run.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { photograph } from '../lib/browser.mjs';
import { openFile, openWorkbench, PYTHON } from '../lib/codeServer.mjs';
import { until } from '../lib/processes.mjs';

let home;
let workbench;
let page;

before(async () => {
  home = mkdtempSync(join(tmpdir(), 'loupe-'));
  const workspace = join(home, 'download');
  mkdirSync(join(workspace, '.vscode'), { recursive: true });
  // The workspace names its own interpreter, which leaves a trace when it is run.
  const script = `#!/bin/sh\necho run >> "${join(home, 'trace')}"\nexec "${PYTHON}" "$@"\n`;
  writeFileSync(join(workspace, 'python'), script, { mode: 0o755 });
  const settings = { 'modelLoupe.interpreter': '${workspaceFolder}/python' };
  writeFileSync(join(workspace, '.vscode/settings.json'), JSON.stringify(settings));
  writeFileSync(join(workspace, 'train.py'), 'print("hello")\n');
  workbench = await openWorkbench(workspace, {}, { trusting: false });
  page = workbench.page;
  page.setDefaultTimeout(20_000);
});

after(async () => {
  await workbench?.close();
  rmSync(home, { recursive: true, force: true });
});

const status = (text) =>
  until(async () => {
    const item = page.locator('.statusbar-item', { hasText: 'Model Loupe' });
    return (await item.count()) > 0 && text.test((await item.getAttribute('aria-label')) ?? '');
  }, `the status is ${text}`);

test('in Restricted Mode nothing runs, and the view and the status say why', async () => {
  await openFile(page, 'train.py');
  await status(/starts once this workspace is trusted/);
  await page.locator('.activitybar .action-item a[aria-label*="Model Loupe"]').click();
  await page.locator('.welcome-view', { hasText: 'Model Loupe starts once this workspace is trusted' }).waitFor();
  await photograph(page, 'restricted');
  assert.equal(existsSync(join(home, 'trace')), false);
});

test('the server starts as soon as the workspace is trusted', async () => {
  await page.locator('.welcome-view .monaco-button', { hasText: 'Manage Workspace Trust' }).click();
  await page.locator('.workspace-trust-editor .monaco-button', { hasText: /^Trust$/ }).click();
  await status(/Model Loupe \d.* with Python 3/);
  assert.equal(existsSync(join(home, 'trace')), true);
});
