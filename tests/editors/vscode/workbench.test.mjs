// What a user of the VS Code extension sees, read from the page of a real workbench.
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before } from 'node:test';

import { photograph } from '../lib/browser.mjs';
import { hover, openFile, openWorkbench, PYTHON } from '../lib/codeServer.mjs';
import { until } from '../lib/processes.mjs';
import { makeWorkspace, writeCheckpoint } from '../lib/samples.mjs';
import { steps } from '../lib/steps.mjs';
import { EDITOR, expand, lens, treeAtRest, treeRow, typeLine, widenSideBar } from './page.mjs';

const NOTEBOOK = '.notebookOverlay';
const SUMMARY = /GemmaForCausalLM/;
// 18 layers × 34,944, the embedding's 512 × 64 and the last norm's 64; the tied head counts once.
const PARAMETERS = '661,824';

let workspace;
let workbench;
let page;

before(async () => {
  workspace = await makeWorkspace();
  workbench = await openWorkbench(
    workspace.folder,
    { 'modelLoupe.interpreter': PYTHON },
    { environment: { HF_HOME: workspace.hfHome, HF_HUB_CACHE: undefined } }
  );
  page = workbench.page;
  page.setDefaultTimeout(20_000);
});

after(async () => {
  await workbench?.close();
  workspace?.remove();
});

const step = steps('vscode', () => ({ page, log: workbench.log }));

const squiggle = () => page.locator(`${EDITOR} .squiggly-warning`);

step('a lens above the call says what the model is', async () => {
  await openFile(page, 'sample.py');
  await lens(page, EDITOR, SUMMARY).first().waitFor();
  const title = await lens(page, EDITOR, SUMMARY).first().innerText();
  assert.match(title, /bfloat16/);
  assert.match(title, /\d(\.\d+)? (K|k|M|MiB|KiB)/);
  // A tokenizer's call is not a model's: one call has a lens, the other model does not exist.
  assert.equal(await lens(page, EDITOR, SUMMARY).count(), 1);
});

step('hovering the name or the variable that holds it shows the card', async () => {
  for (const text of [/^"?\.\/small-gemma"?$/, /^model_name$/]) {
    const card = await hover(page, EDITOR, text, PARAMETERS);
    assert.match(card, /GemmaForCausalLM/);
    assert.match(card, /bfloat16/);
  }
  await photograph(page, 'hover');
});

step('a model that is not there is underlined, and the message says so', async () => {
  await squiggle().first().waitFor();
  const message = await hover(page, EDITOR, /no-such-model/, 'model-loupe');
  assert.match(message, /no-such-model/);
});

step('what is typed is understood before it is saved', async () => {
  await typeLine(page, EDITOR, /^missing\s=/, 'second = AutoModelForCausalLM.from_pretrained(model_name)');
  await until(async () => (await lens(page, EDITOR, SUMMARY).count()) === 2, 'the new call has its lens');
  await squiggle().waitFor({ state: 'detached' });
  await typeLine(page, EDITOR, /^second\s=/, 'missing = AutoModelForCausalLM.from_pretrained("./no-such-model")');
  await squiggle().first().waitFor();
});

step('the Architecture lens opens the tree at that model', async () => {
  await page.mouse.move(700, 885);
  await lens(page, EDITOR, /^Architecture$/).click();
  await treeRow(page, /^Architecture/).waitFor();
  await treeRow(page, /^\.?\/?small-gemma|small-gemma/).first().waitFor();
  await until(async () => (await treeRow(page, /^Architecture/).getAttribute('aria-expanded')) === 'true', 'it is unfolded');
  assert.equal(await treeRow(page, /^Architecture/).count(), 1);
});

step('the tree unfolds down to a tensor with its shape and dtype', async () => {
  await expand(page, /^model(?!s)/);
  await expand(page, /^layers/);
  await expand(page, /^0-17: 18 ×/);
  await expand(page, /^self_attn/);
  await expand(page, /^q_proj/);
  const weight = treeRow(page, /^weight/).first();
  await weight.waitFor();
  assert.match(await weight.innerText(), /\(64, 64\) bfloat16/);
  await photograph(page, 'tree');
});

step('a row can be copied', async () => {
  await workbench.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await treeAtRest(page); // VS Code closes a menu when it redraws the tree under it
  await treeRow(page, /^weight/).first().click({ button: 'right' });
  const item = page.locator('.monaco-menu .action-item', { hasText: 'Copy Row' });
  await until(async () => {
    // A menu takes no clicks in its first tenth of a second.
    await item.click({ timeout: 1000 }).catch(() => undefined);
    return (await item.count()) === 0;
  }, 'the menu closes');
  const copied = () => page.evaluate(() => navigator.clipboard.readText());
  assert.match(await until(copied, 'the clipboard has text'), /^weight {2}\(64, 64\) bfloat16/);
  await treeRow(page, /^weight/).first().click();
  await page.keyboard.press('Control+c');
  await until(async () => (await copied()) === 'weight', 'the key copies the name');
});

step('a row dragged into the code is written as code', async () => {
  const code = `${EDITOR} .view-lines`;
  const drawn = (selector) => selector.boundingBox();
  await treeAtRest(page);
  const row = await drawn(treeRow(page, /^q_proj/).first());
  const line = await drawn(page.locator(`${code} .view-line`, { hasText: /^tokenizer/ }));
  await page.mouse.move(row.x + 60, row.y + row.height / 2);
  await page.mouse.down();
  await page.mouse.move(line.x + 1, line.y + line.height / 2, { steps: 10 });
  // With it VS Code takes what is dropped as text.
  await page.keyboard.down('Shift');
  await page.mouse.move(line.x + 2, line.y + line.height / 2, { steps: 2 });
  await page.mouse.up();
  await page.keyboard.up('Shift');
  const text = async () => (await page.locator(code).first().innerText()).replaceAll('\u00a0', ' ');
  const dropped = 'model.layers[0].self_attn.q_proj';
  await until(async () => (await text()).includes(`${dropped}tokenizer =`), 'the path is in the code');
  await page.keyboard.press('Control+z');
  await until(async () => !(await text()).includes(dropped), 'one undo takes it back');
});

step('a field of config.json says what follows for the model', async () => {
  await openFile(page, 'config.json');
  const card = await hover(page, EDITOR, /num_key_value_heads/, 'KV cache');
  assert.match(card, /4 query heads share each KV head/);
  await photograph(page, 'config');
});

step('in a notebook, a name set in an earlier cell has a card and its call a lens', async () => {
  await openFile(page, 'sample.ipynb');
  await lens(page, NOTEBOOK, SUMMARY).first().waitFor();
  const card = await hover(page, `${NOTEBOOK} .cell-list-container`, /^notebook_model$/, PARAMETERS);
  assert.match(card, /GemmaForCausalLM/);
  await photograph(page, 'notebook');
});

step('a call follows the name that another cell of the notebook sets', async () => {
  await typeLine(page, NOTEBOOK, /^notebook_model\s=/, 'notebook_model = "./elsewhere"');
  // No link: there is nothing to show of a model that is not there.
  await page.locator(`${NOTEBOOK} .codelens-decoration`, { hasText: 'model not found: ./elsewhere' }).waitFor();
  await treeRow(page, /^\.\/elsewhere/).waitFor();
  await typeLine(page, NOTEBOOK, /^notebook_model\s=/, 'notebook_model = "./small-gemma"');
  await treeRow(page, /^\.\/elsewhere/).waitFor({ state: 'detached' });
});

step('the tree follows a checkpoint that is written anew, and stays unfolded', async () => {
  const nineLayers = 'SMALL_CONFIG, small_gemma_tensors()[: 1 + 9 * 9]';
  await writeCheckpoint(join(workspace.folder, 'small-gemma'), nineLayers);
  await treeRow(page, /^0-8: 9 ×/).waitFor();
  assert.equal(await treeRow(page, /^0-17: 18 ×/).count(), 0);
});

step('Reveal in Code offers every place, and goes to a cell of a notebook', async () => {
  await openFile(page, 'sample.py');
  await treeAtRest(page);
  const row = treeRow(page, /^\.\/small-gemma/);
  await row.hover();
  await row.locator('.action-label[aria-label*="Reveal in Code"]').click();
  const places = page.locator('.quick-input-list .monaco-list-row');
  await places.filter({ hasText: 'sample.ipynb, cell 4, line 1' }).waitFor();
  assert.equal(await places.filter({ hasText: /sample\.py, line [78]/ }).count(), 2);
  await places.filter({ hasText: 'sample.ipynb, cell 4, line 1' }).click();
  await page.locator('.tab.active', { hasText: 'sample.ipynb' }).waitFor();
  await page.locator('.statusbar-item', { hasText: 'Cell 4 of 4' }).waitFor();
});

step('settings take effect at once', async () => {
  await openFile(page, 'sample.py');
  await lens(page, EDITOR, SUMMARY).waitFor();
  const settings = join(workspace.folder, '.vscode/settings.json');
  mkdirSync(join(settings, '..'));
  assert.doesNotMatch(workbench.log(), /textDocument\/codeLens/);
  writeFileSync(settings, '{ "modelLoupe.codeLens.enabled": false, "modelLoupe.trace.server": "messages" }');
  await lens(page, EDITOR, SUMMARY).waitFor({ state: 'detached' });
  await until(() => /textDocument\/codeLens/.test(workbench.log()), 'messages are in the log');
  writeFileSync(settings, '{}');
  await lens(page, EDITOR, SUMMARY).waitFor();
});

step('a language server that dies is started again', async () => {
  const [old, ...others] = workbench.languageServers();
  assert.deepEqual(others, []);
  process.kill(old, 'SIGKILL');
  await until(() => workbench.languageServers().some((pid) => pid !== old), 'another process runs');
  await hover(page, EDITOR, /^model_name$/, 'GemmaForCausalLM');
  await treeRow(page, /^0-8: 9 ×/).waitFor();
  assert.equal(await page.locator('.notification-toast').count(), 0);
});

step('the tree follows a model that disappears and comes back', async () => {
  const folder = join(workspace.folder, 'small-gemma');
  const hasArchitecture = async () => (await treeRow(page, /^Architecture/).count()) > 0;
  rmSync(join(folder, 'model.safetensors'));
  await until(async () => !(await hasArchitecture()), 'the architecture is gone');
  await writeCheckpoint(folder, 'SMALL_CONFIG, small_gemma_tensors()');
  await until(hasArchitecture, 'the architecture is back');
});

step('a long list comes in pages', async () => {
  const thirtyLayers = 'layers=30, hidden=64, intermediate=128, vocabulary=512, query=64, key_value=16';
  await writeCheckpoint(join(workspace.folder, 'small-gemma'), `SMALL_CONFIG, decoder_tensors(${thirtyLayers})`);
  await treeRow(page, /^\.\/small-gemma.*1\.08 M/).first().waitFor();
  await treeAtRest(page);
  await expand(page, /^Architecture/);
  await expand(page, /^model(?!s)/);
  // The embedding's weight stands under its module and, as the largest, first under its dtype.
  await expand(page, /^embed_tokens/);
  await expand(page, /^Parameters by dtype/);
  await expand(page, /^bfloat16/);
  const more = treeRow(page, /^More/);
  await treeRow(page, /^model\.embed_tokens\.weight/).waitFor();
  // VS Code draws only the rows in sight; those that follow the list are few.
  await page.keyboard.press('End');
  await more.click();
  await more.waitFor({ state: 'detached' });
  await page.keyboard.press('End');
  await treeRow(page, /^Memory/).waitFor();
  assert.equal(await more.count(), 0);
});

step('a picture for the README', async () => {
  await workbench.open(workspace.show);
  await openFile(page, 'chat.py');
  await lens(page, EDITOR, /^Architecture$/).click();
  await expand(page, /^model(?!s)/);
  await expand(page, /^layers/);
  await expand(page, /^0-17: 18 ×/);
  await expand(page, /^self_attn/);
  await expand(page, /^q_proj/);
  await treeRow(page, /^weight/).click();
  await widenSideBar(page, 130);
  // The name inside the call: the card is then about this very call, and below the lens.
  await hover(page, `${EDITOR} .view-lines > :nth-child(8)`, /gemma-2b-it/, '2,506,172,416');
  await photograph(page, 'vscode');
});

step('the page asked nobody but this machine', () => {
  assert.deepEqual([...workbench.outside], []);
});
