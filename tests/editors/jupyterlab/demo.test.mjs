// What a user of `model-loupe demo` sees, read from the page of a real JupyterLab.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before } from 'node:test';

import { photograph } from '../lib/browser.mjs';
import { startHub } from '../lib/hub.mjs';
import { until } from '../lib/processes.mjs';
import { steps } from '../lib/steps.mjs';
import { downloadAndCancel } from './download.mjs';
import { card, hover, leave, openAsText, openDemo, openPanel, processes, row, runCommand, typeAfter, widenPanel } from './lab.mjs';
import { modelSteps, OTHER } from './models.mjs';

// 18 layers × 34,944, the embedding's 512 × 64 and the last norm's 64; the tied head counts once.
const PARAMETERS = '661,824';

let hub;
let lab;
let page;

before(async () => {
  hub = await startHub();
  lab = await openDemo({ env: hub.env });
  page = lab.page;
});

after(async () => {
  await lab?.close();
  await hub?.stop();
});

const step = steps('jupyterlab', () => ({ page }));

async function assertCard(text) {
  assert.match(text, /GemmaForCausalLM/);
  assert.ok(text.includes(PARAMETERS), text);
  assert.match(text, /bfloat16/);
  assert.ok((await card(page).locator('table tr').count()) >= 5, 'the table is rendered');
}

step('resting the mouse on the name shows the card, no key held', async () => {
  await assertCard(await hover(page, 'model_name = ', './small-gemma'));
  await photograph(page, 'jupyterlab-hover');
  await leave(page);
});

step('so does the variable in a later cell', async () => {
  await assertCard(await hover(page, 'from_pretrained(model_name, dtype', 'model_name'));
  await leave(page);
});

step('a key closes the card', async () => {
  await hover(page, 'model_name = ', './small-gemma');
  await page.keyboard.press('Escape');
  await card(page).waitFor({ state: 'detached' });
});

step('with Ctrl held there is one card: jupyterlab-lsp’s', async () => {
  const text = await hover(page, 'model_name = ', './small-gemma', { selector: '.lsp-hover', key: 'Control' });
  assert.ok(text.includes(PARAMETERS), text);
  assert.equal(await card(page).count(), 0);
  await page.keyboard.press('Escape');
  await page.mouse.move(5, 5);
  await page.locator('.lsp-hover').waitFor({ state: 'detached' });
});

step('the panel shows the model, and the keyboard unfolds it down to a parameter', async () => {
  await openPanel(page);
  await row(page, './small-gemma').click();
  for (const label of ['Architecture', 'model', 'layers', '0-17: 18 ×', 'self_attn', 'q_proj']) {
    const item = page.getByRole('treeitem', { name: new RegExp(`^${label}([ ,]|$)`) }).first();
    await item.waitFor();
    await until(async () => {
      if (await item.evaluate((element) => element === document.activeElement)) {
        return true;
      }
      await page.keyboard.press('ArrowDown');
      return false;
    }, `the keyboard reaches ${label}`);
    await page.keyboard.press('ArrowRight');
    await until(async () => (await item.getAttribute('aria-expanded')) === 'true', `${label} is unfolded`);
  }
  const weight = page.getByRole('treeitem', { name: /^weight, \(64, 64\).*bfloat16/ });
  await weight.waitFor();
  assert.equal(await weight.getAttribute('aria-level'), '8');
  assert.equal(await page.getByRole('tree').count(), 1);
  await widenPanel(page, 100);
  await photograph(page, 'jupyterlab-tree');
  await hover(page, 'from_pretrained(model_name, dtype', 'model_name');
  await photograph(page, 'jupyterlab');
  await leave(page);
});

step('a row can be copied', async () => {
  await row(page, 'weight').first().click();
  await page.keyboard.press('Control+c');
  const copied = await until(() => page.evaluate(() => navigator.clipboard.readText()), 'the clipboard has text');
  assert.match(copied, /^weight\s+\(64, 64\).*bfloat16/);
});

step('a model that is not there is underlined, and the tree names it', async () => {
  await typeAfter(page, 'print(model)', 'AutoModelForCausalLM.from_pretrained("./no-such-model")');
  await page.locator('.cm-lintRange', { hasText: './no-such-model' }).waitFor();
  await row(page, './no-such-model').waitFor();
  // What was unfolded before the tree changed still is.
  await row(page, '0-17: 18 ×').waitFor();
  await photograph(page, 'jupyterlab-squiggle');
});

step('refresh shows what changed on disk', async () => {
  await row(page, /^Config/).click();
  await row(page, 'hidden_act').first().waitFor();
  const config = join(lab.folder, 'small-gemma/config.json');
  const fields = JSON.parse(readFileSync(config, 'utf8'));
  writeFileSync(config, JSON.stringify({ ...fields, added_by_the_test: 'seen' }));
  await page.locator('.jp-ModelLoupe').getByRole('button', { name: 'Refresh' }).click();
  await row(page, 'added_by_the_test').waitFor();
});

modelSteps(step, () => lab);

step('fields of config.json are explained, and what is wrong is underlined', async () => {
  const config = join(lab.folder, OTHER, 'config.json');
  const fields = JSON.parse(readFileSync(config, 'utf8'));
  writeFileSync(config, JSON.stringify({ ...fields, num_key_value_heads: 3 }, null, 2));
  await openAsText(page, OTHER, 'config.json');
  assert.match(await hover(page, '"hidden_size"', 'hidden_size'), /hidden_size[^]*64/);
  await leave(page);
  await page.locator('.jp-ModelLoupe-mark', { hasText: 'num_key_value_heads' }).waitFor();
  assert.match(await hover(page, '"num_key_value_heads"', 'num_key_value_heads'), /3 KV heads cannot share 4 attention heads/);
  await photograph(page, 'jupyterlab-config');
  await leave(page);
  await page.locator('.lm-TabBar-tab', { hasText: '.ipynb' }).click();
  await openPanel(page);
});

step('a download tells how far it is, and is cancelled', () => downloadAndCancel(lab));

step('the language server can be restarted', async () => {
  const servers = () => processes(lab.demo.pid, 'model_loupe', 'serve');
  const before = servers();
  assert.equal(before.length, 1, 'JupyterLab and the panel share one process');
  await runCommand(page, 'Restart the Language Server');
  await until(() => servers().length === 1 && servers()[0] !== before[0], 'another process serves');
  await row(page, './small-gemma').waitFor();
  await assertCard(await hover(page, 'model_name = ', './small-gemma'));
  await leave(page);
});

step('config.json is explained while no notebook is open, too', async () => {
  await page.locator('.lm-TabBar-tab', { hasText: 'config.json' }).click();
  await page.locator('.lm-TabBar-tab', { hasText: '.ipynb' }).locator('.lm-TabBar-tabCloseIcon').click();
  await page.locator('.jp-Dialog').getByRole('button', { name: 'Discard' }).click();
  await page.locator('.lm-TabBar-tab', { hasText: '.ipynb' }).waitFor({ state: 'detached' });
  assert.match(await hover(page, '"hidden_size"', 'hidden_size'), /hidden_size[^]*64/);
  await leave(page);
});

step('nothing was asked of another machine', () => {
  assert.deepEqual([...lab.outside], []);
});

step('Ctrl+C ends the demo and all that it started', async () => {
  const started = [...processes(lab.demo.pid, 'jupyterlab'), ...processes(lab.demo.pid, 'model_loupe', 'serve')];
  assert.equal(started.length, 2);
  process.kill(lab.demo.pid, 'SIGINT');
  assert.equal(await lab.demo.exited, 0);
  await until(() => started.every((pid) => !isAlive(pid)), 'JupyterLab and the language server ended');
});

function isAlive(pid) {
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch {
    return false;
  }
}
