// The interpreter that is selected in the Python extension runs the server.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { openFile, openWorkbench, PYTHON } from '../lib/codeServer.mjs';
import { run, until } from '../lib/processes.mjs';

let home;
let workbench;
let page;

before(async () => {
  home = mkdtempSync(join(tmpdir(), 'loupe-'));
  const workspace = join(home, 'project');
  mkdirSync(workspace);
  writeFileSync(join(workspace, 'train.py'), 'print("hello")\n');
  await run(PYTHON, ['-m', 'venv', '--without-pip', join(home, 'bare')]);
  const pythons = [join(home, 'bare/bin/python'), PYTHON].join(':');
  workbench = await openWorkbench(workspace, {}, {
    environment: { PYTHONPATH: undefined, PYTHONHOME: undefined, LOUPE_TEST_PYTHONS: pythons },
    extension: fileURLToPath(new URL('python-extension', import.meta.url)),
  });
  page = workbench.page;
  page.setDefaultTimeout(20_000);
});

after(async () => {
  await workbench?.close();
  rmSync(home, { recursive: true, force: true });
});

test("the selected environment is asked, before the PATH's Python", async () => {
  await openFile(page, 'train.py');
  const toast = page.locator('.notification-toast', { hasText: /not installed in .*bare\/bin\/python/ });
  await toast.locator('.monaco-button', { hasText: 'Choose Interpreter' }).click();
});

test('selecting another one restarts the server with it', async () => {
  await page.locator('.quick-input-list .monaco-list-row', { hasText: 'Select in the Python extension' }).click();
  const status = page.locator('.statusbar-item', { hasText: 'Model Loupe' });
  await until(async () => {
    const text = (await status.getAttribute('aria-label')) ?? '';
    return text.includes('with Python 3') && text.includes(PYTHON);
  }, 'the server runs with the other interpreter');
});
