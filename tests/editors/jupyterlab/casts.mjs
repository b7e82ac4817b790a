// What a user of JupyterLab does with the lenses above a call and the page of cast previews.
import assert from 'node:assert/strict';

import { assertAccessible } from '../lib/accessible.mjs';
import { photograph } from '../lib/browser.mjs';
import { apply, assertMeasures, assertSorts, assertTellsMore } from '../lib/casts.mjs';
import { until } from '../lib/processes.mjs';
import { chooseTheme, runCommand } from './lab.mjs';

const PAGE = '.jp-ModelLoupe-casts';

/** Steps in the demo's notebook, with a worker that has torch; `opened()` gives the page of JupyterLab. */
export function castSteps(step, opened) {
  const cell = (text) => opened().locator('.jp-CodeCell .cm-content', { hasText: text }).first();
  const lens = (text) => opened().locator('.jp-ModelLoupe-lens', { hasText: text });

  step('a line above each call says what it loads', async () => {
    await opened().locator('.lm-TabBar-tab', { hasText: 'sample.ipynb' }).click();
    await lens(/^GemmaForCausalLM · .*bfloat16/).first().waitFor();
    await lens(/^Preview casts$/).nth(1).waitFor();
    assert.equal(await lens(/^Preview casts$/).count(), 2);
    // It is no part of the code.
    assert.doesNotMatch(await cell('dtype=torch.float32').locator('.cm-line').allInnerTexts().then(String), /Preview/);
    await photograph(opened(), 'jupyterlab-lens');
  });

  step('it keeps to what is seen of the code, however long a line of that is', async () => {
    const long = cell('dtype=torch.float32');
    await long.locator('.cm-line').last().click();
    await opened().keyboard.press('Control+End');
    await opened().keyboard.insertText(`\n# ${'long '.repeat(80)}`);
    const measured = () =>
      long.evaluate((content) => ({
        code: content.offsetWidth,
        lenses: content.querySelector('.jp-ModelLoupe-lenses')?.offsetWidth ?? Infinity,
        seen: content.closest('.cm-scroller').clientWidth,
      }));
    await until(async () => {
      const { code, lenses, seen } = await measured();
      return code > seen && lenses <= seen;
    }, 'lenses are no wider than what is seen');
    await opened().keyboard.press('Control+z');
    await long.locator('.cm-line', { hasText: 'long long' }).waitFor({ state: 'detached' });
  });

  step('the keyboard gets to its last word, which opens the page of cast previews, with a sample’s figures', async () => {
    await cell('dtype=torch.float32').locator('.cm-line', { hasText: 'from_pretrained' }).click();
    await runCommand(opened(), 'Go to the Line Above the Call');
    const [line, focused] = ['.jp-ModelLoupe-lenses', '.jp-ModelLoupe-lens:focus'].map((name) => opened().locator(name));
    await focused.waitFor();
    assert.equal(await line.last().getAttribute('role'), 'toolbar');
    await opened().keyboard.press('Escape');
    await opened().locator('.cm-content:focus').waitFor();
    await runCommand(opened(), 'Go to the Line Above the Call');
    await focused.waitFor();
    await until(async () => {
      await opened().keyboard.press('ArrowRight');
      return (await focused.innerText()) === 'Preview casts';
    }, 'the arrows go to the last lens');
    await opened().keyboard.press('Enter');
    await opened().locator(PAGE).waitFor();
    await assertMeasures(opened(), 'float32');
    await opened().locator('.lm-TabBar-tab.lm-mod-current', { hasText: /^Casts · / }).waitFor();
  });

  step('the table is sorted, and a target tells more', async () => {
    await assertSorts(opened());
    await assertTellsMore(opened());
    await photograph(opened(), 'jupyterlab-casts');
  });

  step('axe finds nothing serious, light or dark', async () => {
    await assertAccessible(opened(), PAGE);
    await chooseTheme(opened(), 'Dark');
    await assertAccessible(opened(), PAGE);
    await photograph(opened(), 'jupyterlab-casts-dark');
    await chooseTheme(opened(), 'Light');
  });

  step('Apply shows the line that changes, then changes it in its cell; one undo takes it back', async () => {
    const edited = await apply(opened(), 'float16');
    assert.match(edited, /from_pretrained\(model_name, dtype=torch\.float16\)/);
    await cell('dtype=torch.float16').waitFor();
    await photograph(opened(), 'jupyterlab-casts-applied');
    // In its code: the middle of a narrow cell may be a lens.
    await cell('dtype=torch.float16').locator('.cm-line', { hasText: 'from_pretrained' }).click();
    await opened().keyboard.press('Control+z');
    await cell('dtype=torch.float32').waitFor();
    assert.equal(await cell('dtype=torch.float16').count(), 0);
  });

  step('the menu at the cursor edits the call, too', async () => {
    await cell('dtype=torch.float32').locator('.cm-line', { hasText: 'from_pretrained' }).click();
    await opened().keyboard.press('Control+.');
    const items = opened().locator('.lm-Menu-item');
    await items.filter({ hasText: 'Preview casts' }).waitFor();
    await items.filter({ hasText: 'Load as bfloat16' }).click();
    await cell('dtype=torch.bfloat16').waitFor();
    await opened().keyboard.press('Control+z');
    await cell('dtype=torch.float32').waitFor();
  });

  step('a tensor that loses much leads to its row in the panel', async () => {
    await opened().locator('section[aria-label="Tensors that lose most"] button').first().click();
    const focused = opened().locator('.jp-ModelLoupe-item:focus > .jp-ModelLoupe-row', { hasText: /^weight/ });
    await focused.waitFor();
    await opened().locator('.lm-TabBar-tab.lm-mod-current', { hasText: /^Casts · / }).locator('.lm-TabBar-tabCloseIcon').click();
  });
}
