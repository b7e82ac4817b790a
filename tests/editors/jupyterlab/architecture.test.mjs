// What the user's own transformers says of a model, in a real JupyterLab with a real torch.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before } from 'node:test';

import { photograph } from '../lib/browser.mjs';
import { TORCH_PYTHON } from '../lib/samples.mjs';
import { steps } from '../lib/steps.mjs';
import { castSteps } from './casts.mjs';
import { openDemo, openPanel, processes, row, runCommand, typeAfter, untilSaved, widenPanel } from './lab.mjs';
import { settingSteps } from './settings.mjs';
import { writeSteps } from './write-cast.mjs';

const WORDS = { 'Compare Models': 'Modelle vergleichen', Models: 'Modelle', ready: 'bereit' };
// The first answer waits for torch and transformers to be imported, on a machine that may be busy.
const IMPORT = { timeout: 180_000 };

let lab;
let page;

before(async () => {
  const settings = { 'modelLoupe.worker.interpreter': TORCH_PYTHON };
  // What stands there goes behind what is set under Model Loupe.
  const languageServers = { 'modelLoupe.worker.interpreter': '/no/such/python' };
  lab = await openDemo({ settings, languageServers, words: WORDS });
  page = lab.page;
});

after(async () => {
  await lab?.close();
});

const step = steps('jupyterlab', () => ({ page }));

const printed = () => page.locator('.jp-ModelLoupe-printed').locator('visible=true');

step('rows tell the classes that the call builds', async () => {
  await openPanel(page);
  await widenPanel(page, 200);
  await row(page, './small-gemma').click();
  await row(page, /^Architecture/).first().click();
  for (const label of [/^model/, /^layers/, /^0-17: 18 ×/, /^self_attn/]) {
    await row(page, label).first().click();
  }
  await row(page, /^0-17: 18 ×.*GemmaDecoderLayer/).waitFor(IMPORT);
  // What was unfolded before the classes were known still is.
  await row(page, /^q_proj.*Linear\(in_features=64, out_features=64, bias=False\)/).waitFor();
  await photograph(page, 'jupyterlab-built-tree');
});

step('labels are in JupyterLab’s language, where there is a word in it', async () => {
  await page.getByRole('tree', { name: 'Modelle' }).waitFor();
  await page.locator('.jp-ModelLoupe-status', { hasText: 'Model Loupe: bereit' }).waitFor();
  await row(page, './small-gemma').click({ button: 'right' });
  const items = page.locator('.lm-Menu-item').locator('visible=true');
  await items.filter({ hasText: 'Modelle vergleichen' }).waitFor();
  assert.equal(await items.filter({ hasText: 'Preview Casts' }).count(), 1);
  await page.keyboard.press('Escape');
});

step('what print(model) writes opens as a document', async () => {
  await row(page, /^Architecture/).first().click({ button: 'right' });
  await page.locator('.lm-Menu-item', { hasText: 'Print Model' }).click();
  await printed().getByText(/^GemmaForCausalLM\(/).waitFor(IMPORT);
  const text = await printed().innerText();
  assert.match(text, /\n {2}\(model\): GemmaModel\(\n {4}\(embed_tokens\): .*Embedding\(512, 64, padding_idx=0\)\n/);
  assert.match(text, /\n {6}\(0-17\): 18 x GemmaDecoderLayer\(\n/);
  await page.locator('.lm-TabBar-tab.lm-mod-current', { hasText: 'GemmaForCausalLM · ./small-gemma' }).waitFor();
  await photograph(page, 'jupyterlab-print-model');
});

step('the document follows the model', async () => {
  const config = join(lab.folder, 'small-gemma/config.json');
  const fields = JSON.parse(readFileSync(config, 'utf8'));
  writeFileSync(config, JSON.stringify({ ...fields, num_hidden_layers: 9 }));
  await page.locator('.jp-ModelLoupe').getByRole('button', { name: 'Refresh' }).click();
  await printed().getByText(/\(0-8\): 9 x GemmaDecoderLayer/).waitFor();
});

step('it is there again when the page is loaded again, beside a page of casts', async () => {
  await row(page, './small-gemma').first().click({ button: 'right' });
  await page.locator('.lm-Menu-item', { hasText: 'Preview Casts' }).click();
  await page.locator('.loupe-targets').waitFor();
  await untilSaved(page, 'model-loupe-printed');
  await untilSaved(page, 'model-loupe-casts');
  await page.reload();
  // No notebook is in front, nor loaded: the pages themselves have the server connected. With the page before, the
  // server has ended, and its worker with it.
  await page.locator('.loupe-targets').waitFor(IMPORT);
  await printed().getByText(/\(0-8\): 9 x GemmaDecoderLayer/).waitFor(IMPORT);
  await page.locator('.lm-TabBar-tab.lm-mod-current', { hasText: 'GemmaForCausalLM · ./small-gemma' }).waitFor();
  const served = () => processes(lab.demo.pid, 'model_loupe', 'serve');
  const before = served();
  await page.locator('.lm-TabBar-tab', { hasText: 'sample.ipynb' }).click();
  await row(page, './small-gemma').first().waitFor();
  assert.deepEqual(served(), before, 'the same server goes on when JupyterLab connects the notebook');
  await page.locator('.lm-TabBar-tab', { hasText: 'Casts · ' }).locator('.lm-TabBar-tabCloseIcon').click();
  await page.locator('.lm-TabBar-tab', { hasText: 'GemmaForCausalLM' }).click();
  await printed().getByText(/\(0-8\): 9 x GemmaDecoderLayer/).waitFor();
  assert.deepEqual(served(), before, 'it still goes on');
});

step('the palette prints what the row at the keyboard belongs to', async () => {
  await page.locator('.lm-TabBar-tab.lm-mod-current .lm-TabBar-tabCloseIcon').click();
  await row(page, './small-gemma').first().click();
  await row(page, /^Config/).click();
  await runCommand(page, 'Print Model');
  await printed().getByText(/^GemmaForCausalLM\(/).waitFor();
});

castSteps(step, () => page);
writeSteps(step, () => lab);
settingSteps(step, () => lab);

step('Jump to Definition opens the class in the installed transformers, outside of the served folder', async () => {
  await page.locator('.lm-TabBar-tab', { hasText: 'sample.ipynb' }).click();
  await typeAfter(page, 'print(model)', 'model.model.layers[0].self_attn');
  await page.keyboard.press('Control+b');
  await page.locator('.lm-TabBar-tab.lm-mod-current', { hasText: 'modeling_gemma.py' }).waitFor(IMPORT);
  await page.locator('.jp-FileEditor .cm-line', { hasText: 'class GemmaAttention(' }).waitFor();
  await photograph(page, 'jupyterlab-definition');
  // While such a file is in front the page can be loaded again: JupyterLab finds no fault with its address.
  await page.reload();
  // The file is told by the language server, which starts with the page.
  await page.locator('#jupyterlab-splash').waitFor({ state: 'detached', timeout: 120_000 });
  await page.locator('.lm-TabBar-tab', { hasText: 'sample.ipynb' }).click();
  await row(page, './small-gemma').first().waitFor();
  assert.equal(await page.locator('.jp-Dialog').count(), 0);
});

step('nothing was asked of another machine', () => {
  assert.deepEqual([...lab.outside], []);
});
