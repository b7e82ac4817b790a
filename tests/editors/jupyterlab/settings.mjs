// What a user of JupyterLab changes in its settings editor, and what comes of it without loading the page again.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { assertAccessible } from '../lib/accessible.mjs';
import { photograph } from '../lib/browser.mjs';
import { openPanel, runCommand } from './lab.mjs';

/** Steps in the demo's notebook; `lab()` gives its folder and the page of JupyterLab. */
export function settingSteps(step, lab) {
  const opened = () => lab().page;
  const hint = (text) => opened().locator('.jp-ModelLoupe-hint', { hasText: text });
  const call = () => opened().locator('.jp-CodeCell .cm-line', { hasText: 'dtype=torch.float32' });

  step('the settings editor has Model Loupe’s settings, which count at once: inlay hints', async () => {
    await openTab(/^sample.ipynb$/);
    await opened().locator('.jp-ModelLoupe-lens').first().waitFor();
    assert.equal(await hint('').count(), 0);
    await runCommand(opened(), 'Settings Editor');
    await opened().locator('.jp-PluginList-entry', { hasText: 'Model Loupe' }).click();
    await setting('inlayHints').selectOption('compact');
    await photograph(opened(), 'jupyterlab-settings');
    await openTab(/^sample.ipynb$/);
    await hint(/· float32 /).first().waitFor();
    assert.equal(await call().locator('.jp-ModelLoupe-hint').getAttribute('aria-hidden'), 'true');
    for (const part of ['hint', 'lenses']) {
      await assertAccessible(opened(), `.jp-ModelLoupe-${part}`);
    }
    await photograph(opened(), 'jupyterlab-inlay-hints');
  });

  step('a hint follows what is typed', async () => {
    await call().click();
    await opened().keyboard.press('End');
    await opened().keyboard.press('ArrowLeft');
    for (let left = 0; left < '32'.length; left++) {
      await opened().keyboard.press('Backspace');
    }
    await opened().keyboard.type('16');
    await hint(/· float16 /).waitFor();
    await opened().keyboard.press('Control+z');
    await hint(/· float32 /).first().waitFor();
  });

  step('in a file hints come with the lines that are scrolled to', async () => {
    const call = 'AutoModel.from_pretrained("./small-gemma", dtype="float64")';
    writeFileSync(join(lab().folder, 'long.py'), `from transformers import AutoModel\n${'\n'.repeat(500)}model = ${call}`);
    await runCommand(opened(), 'Open from Path');
    await opened().locator('.jp-Dialog input').fill('long.py');
    await opened().keyboard.press('Enter');
    await opened().locator('.jp-FileEditor .cm-line', { hasText: 'import AutoModel' }).click();
    await opened().keyboard.press('Control+End');
    await opened().locator('.jp-FileEditor .jp-ModelLoupe-hint', { hasText: /· float64 / }).waitFor();
    // That showed the file browser instead.
    await openPanel(opened());
  });

  step('lenses, too, are switched off and on again', async () => {
    await openTab(/^Settings$/);
    await setting('codeLens.enabled').uncheck();
    await openTab(/^sample.ipynb$/);
    await opened().locator('.jp-ModelLoupe-lens').first().waitFor({ state: 'detached' });
    await hint(/· float32 /).first().waitFor();
    await openTab(/^Settings$/);
    await setting('codeLens.enabled').check();
    await openTab(/^sample.ipynb$/);
    await opened().locator('.jp-ModelLoupe-lens').first().waitFor();
  });

  const setting = (name) => opened().locator(`[id$="_modelLoupe.${name}"]:is(input, select)`);

  async function openTab(name) {
    await opened().locator('.lm-DockPanel-tabBar .lm-TabBar-tab', { hasText: name }).click();
  }
}
