// What a user of JupyterLab does with whole models: the tree filtered and sorted, models copied, compared, as sizes.
import assert from 'node:assert/strict';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { assertAccessible, assertReadable } from '../lib/accessible.mjs';
import { photograph } from '../lib/browser.mjs';
import { until } from '../lib/processes.mjs';
import { chooseTheme, row, runCommand, typeAfter } from './lab.mjs';

/** The folder of a second model, with characters that mean something in an address. */
export const OTHER = 'other gemma #2';
const CASTS = '.jp-ModelLoupe-casts';
const COMPARISON = '.jp-ModelLoupe-comparison';
const SIZES = '.jp-ModelLoupe-sizes';

/** Steps in the demo's notebook, whose model is unfolded in the panel; `opened()` gives the page and the folder. */
export function modelSteps(step, opened) {
  const page = () => opened().page;
  const inFront = (selector) => page().locator(selector).locator('visible=true');

  async function menu(label, item) {
    await row(page(), label).first().click({ button: 'right' });
    await page().locator('.lm-Menu-item', { hasText: item }).click();
  }

  async function pick(text) {
    const select = page().locator('.jp-Dialog select');
    await select.selectOption(await select.locator('option', { hasText: text }).getAttribute('value'));
    await page().locator('.jp-Dialog').getByRole('button', { name: 'OK' }).click();
  }

  const close = (text) =>
    page().locator('.lm-TabBar-tab.lm-mod-current', { hasText: text }).locator('.lm-TabBar-tabCloseIcon').click();

  async function inBothThemes(check) {
    await check('light');
    await chooseTheme(page(), 'Dark');
    await check('dark');
    await chooseTheme(page(), 'Light');
  }

  step('the tree is filtered by a part of a name, and is as it was afterwards', async () => {
    await runCommand(page(), 'Filter Models');
    const field = page().getByRole('searchbox', { name: /^Filter tensors/ });
    await until(() => field.evaluate((input) => input === document.activeElement), 'the keyboard is at the filter');
    await page().keyboard.type('q_proj');
    await row(page(), /^model\.layers\.0\.self_attn\.q_proj\.weight/).waitFor();
    assert.equal(await row(page(), /k_proj/).count(), 0);
    await photograph(page(), 'jupyterlab-filtered');
    await page().keyboard.press('ArrowDown');
    assert.match(await page().locator('.jp-ModelLoupe-item:focus').getAttribute('aria-label'), /^\.\/small-gemma/);
    await field.fill('no_such_proj');
    await row(page(), 'No name here has “no_such_proj” in it').waitFor();
    await assertAccessible(page(), '.jp-ModelLoupe .jp-SidePanel-content');
    await field.press('Escape');
    await row(page(), /^0-17: 18 ×/).waitFor();
    assert.equal(await field.inputValue(), '');
    assert.equal(await page().locator('.jp-ModelLoupe-item[aria-selected=true]').count(), 1);
  });

  step('modules are sorted by size, and in their order again', async () => {
    const button = page().locator('.jp-ModelLoupe').getByRole('button', { name: 'Sort by Size' });
    const isSorted = async () => {
      const rows = await page().locator('.jp-ModelLoupe-label').allInnerTexts();
      return rows.indexOf('layers') < rows.indexOf('embed_tokens');
    };
    assert.equal(await isSorted(), false);
    await button.click();
    await until(isSorted, 'the largest first');
    assert.equal(await button.getAttribute('aria-pressed'), 'true');
    await photograph(page(), 'jupyterlab-sorted');
    await runCommand(page(), "Sort in the Model's Order");
    await until(async () => !(await isSorted()), "the model's order");
    assert.equal(await button.getAttribute('aria-pressed'), 'false');
  });

  step('a row leads to the code that names its model, and a module is dragged into code', async () => {
    await menu('./small-gemma', 'Reveal in Code');
    await pick('dtype=torch.float32');
    const line = { hasText: 'dtype=torch.float32' };
    await page().locator('.jp-CodeCell .cm-focused .cm-line', line).waitFor();
    // Not by its focus: the mouse takes that away.
    await row(page(), /^q_proj/).dragTo(page().locator('.jp-CodeCell .cm-line', line));
    const dropped = page().locator('.jp-CodeCell .cm-line', { hasText: 'model.layers[0].self_attn.q_proj' });
    await dropped.waitFor();
    await dropped.click();
    await page().keyboard.press('Control+z');
    await dropped.waitFor({ state: 'detached' });
  });

  step('a model is copied as JSON, from the menu that the keyboard opens', async () => {
    await page().getByRole('treeitem', { name: /^\.\/small-gemma/ }).focus();
    await page().keyboard.press('Shift+F10');
    const items = page().locator('.lm-Menu-item').locator('visible=true');
    await items.filter({ hasText: 'Copy Model as JSON' }).waitFor();
    // It is a folder of this machine.
    assert.equal(await items.filter({ hasText: /Hub|Download/ }).count(), 0);
    await items.filter({ hasText: 'Copy Model as JSON' }).click();
    const copied = () => page().evaluate(() => navigator.clipboard.readText());
    const text = await until(async () => ((await copied()).startsWith('{') ? copied() : ''), 'JSON is in the clipboard');
    assert.equal(JSON.parse(text).parameters.total, 661_824);
  });

  step('a cast preview says why there is none, and is there once the model is', async () => {
    await menu('./no-such-model', 'Preview Casts');
    await inFront(CASTS).locator('.loupe-error', { hasText: 'no such folder' }).waitFor();
    assert.equal(await inFront(CASTS).getByText('Reading the weights').count(), 0);
    const late = join(opened().folder, 'no-such-model');
    cpSync(join(opened().folder, 'small-gemma'), late, { recursive: true });
    await inFront(CASTS).getByRole('button', { name: 'Try Again' }).press('Enter');
    await inFront(CASTS).locator('.loupe-targets').waitFor();
    rmSync(late, { recursive: true });
    await close('Casts');
  });

  step('two models are compared side by side, in both themes', async () => {
    const other = join(opened().folder, OTHER);
    cpSync(join(opened().folder, 'small-gemma'), other, { recursive: true });
    setConfig(other, { rope_theta: 5000.0 });
    await typeAfter(page(), 'print(model)', `AutoModelForCausalLM.from_pretrained("./${OTHER}")`);
    await row(page(), `./${OTHER}`).waitFor();
    await menu('./small-gemma', 'Compare Models');
    await pick(`./${OTHER}`);
    await inFront(COMPARISON).locator('h1', { hasText: `./small-gemma ↔ ./${OTHER}` }).waitFor();
    await inFront(COMPARISON).locator('tr', { hasText: 'rope_theta' }).getByText('5000').waitFor();
    await inBothThemes(async (kind) => {
      await assertAccessible(page(), COMPARISON);
      await photograph(page(), `jupyterlab-comparison-${kind}`);
    });
    setConfig(other, { rope_theta: 6000.0 });
    await page().locator('.jp-ModelLoupe').getByRole('button', { name: 'Refresh' }).click();
    await inFront(COMPARISON).locator('tr', { hasText: 'rope_theta' }).getByText('6000').waitFor();
    await close('↔');
  });

  step('models that Ctrl or Shift select together are compared without a question', async () => {
    const model = (name) => page().getByRole('treeitem', { name: new RegExp(`^\\./${name}`) });
    const selected = page().locator('.jp-ModelLoupe-item[aria-selected=true]');
    const compared = (one, other) => inFront(COMPARISON).locator('h1', { hasText: `${one} ↔ ${other}` });
    assert.equal(await page().getByRole('tree').getAttribute('aria-multiselectable'), 'true');
    await page().locator('.jp-ModelLoupe').getByRole('button', { name: 'Collapse all' }).click();
    await row(page(), `./${OTHER}`).click();
    await row(page(), './small-gemma').click({ modifiers: ['Control'] });
    assert.equal(await selected.count(), 2);
    await photograph(page(), 'jupyterlab-selected');
    await assertAccessible(page(), '.jp-ModelLoupe .jp-SidePanel-content');
    // The menu is about both, whichever of them was clicked.
    await menu(`./${OTHER}`, 'Compare Models');
    await compared(`./${OTHER}`, './small-gemma').waitFor();
    await close('↔');

    await model('small-gemma').focus();
    assert.equal(await selected.count(), 1);
    await row(page(), `./${OTHER}`).click({ modifiers: ['Shift'] });
    assert.ok((await selected.count()) > 2, 'what is between them is selected, too');
    await page().keyboard.press('Shift+Home');
    assert.equal(await selected.count(), 1);
    await page().keyboard.press('Shift+ArrowDown');
    assert.equal(await selected.count(), 2);
    await page().keyboard.press('Home');
    assert.equal(await selected.count(), 1);
    await until(async () => {
      await page().keyboard.press('Control+ArrowDown');
      return model(OTHER).evaluate((item) => item === document.activeElement);
    }, 'the keyboard passes by the rows between the models');
    assert.equal(await model(OTHER).getAttribute('aria-selected'), 'false');
    await page().keyboard.press('Control+Space');
    assert.equal(await model('small-gemma').getAttribute('aria-selected'), 'true');
    assert.equal(await model(OTHER).getAttribute('aria-selected'), 'true');
    await runCommand(page(), 'Compare Models');
    await compared('./small-gemma', `./${OTHER}`).waitFor();
    await close('↔');
  });

  step('sizes of a model are a treemap that opens with the keyboard, in both themes', async () => {
    await menu('./small-gemma', 'Show Sizes');
    const box = inFront(SIZES).getByRole('button', { name: /^model: / });
    await inBothThemes(async (kind) => {
      await box.waitFor();
      await assertAccessible(page(), SIZES);
      await assertReadable(page(), SIZES);
      await photograph(page(), `jupyterlab-sizes-${kind}`);
    });
    await box.focus();
    await page().keyboard.press('Enter');
    await inFront(SIZES).getByRole('button', { name: /^model\.layers: / }).waitFor();
    await close('Sizes');
  });
}

function setConfig(folder, changes) {
  const config = join(folder, 'config.json');
  writeFileSync(config, JSON.stringify({ ...JSON.parse(readFileSync(config, 'utf8')), ...changes }));
}
