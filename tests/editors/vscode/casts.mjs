// What a user of VS Code does with the page of cast previews.
import assert from 'node:assert/strict';
import { join } from 'node:path';

import { assertAccessible } from '../lib/accessible.mjs';
import { photograph } from '../lib/browser.mjs';
import { apply, assertMeasures, assertSorts, assertTellsMore } from '../lib/casts.mjs';
import { openFile } from '../lib/codeServer.mjs';
import { until } from '../lib/processes.mjs';
import { writeSmallGemma } from '../lib/samples.mjs';
import { EDITOR, inEachTheme, lens, runCommand, treeRow, webViewFrame, widenSideBar } from './page.mjs';

const LINES = `${EDITOR} .view-lines`;

/** Steps after those that open `sample.py` with a worker that has torch; `opened()` gives workbench and workspace. */
export function castSteps(step, opened) {
  let casts;

  step('the Preview casts lens opens a page beside the code, with a sample’s figures', async () => {
    const { page } = opened().workbench;
    await openFile(page, 'sample.py');
    await widenSideBar(page, -200);
    await lens(page, EDITOR, /^Preview casts$/).first().click();
    casts = await webViewFrame(page, '#page.loupe-page');
    await assertMeasures(casts, 'bfloat16');
    await page.locator('.tab.active', { hasText: /^Casts · / }).waitFor();
  });

  step('the table is sorted, and a target tells more', async () => {
    await assertSorts(casts);
    await assertTellsMore(casts);
    await photograph(opened().workbench.page, 'casts');
  });

  step('axe finds nothing serious in light, dark and high contrast', async () => {
    const { workbench, workspace } = opened();
    await inEachTheme(casts, workspace.folder, async (kind) => {
      await assertAccessible(casts, '#page');
      await photograph(workbench.page, `casts-${kind}`);
    });
  });

  step('Apply shows the line that changes, then changes it; one undo takes it back', async () => {
    const { page } = opened().workbench;
    const edited = await apply(casts, 'float16');
    assert.match(edited, /from_pretrained\("\.\/small-gemma", dtype=torch\.float16\)/);
    const code = async () => (await page.locator(LINES).first().innerText()).replaceAll('\u00a0', ' ');
    await until(async () => /dtype=torch\.float16\)/.test(await code()), 'the line is edited');
    assert.match(await code(), /^import torch$/m);
    await photograph(page, 'casts-applied');
    await page.locator(`${LINES} .view-line`, { hasText: 'torch.float16' }).click();
    await page.keyboard.press('Control+z');
    await until(async () => !/torch/.test(await code()), 'the code is as it was');
  });

  step('a tensor that loses much leads to its row in the tree', async () => {
    const { page } = opened().workbench;
    const link = casts.locator('section[aria-label="Tensors that lose most"] button').first();
    await link.click();
    const selected = treeRow(page, /^weight/).and(page.locator('[aria-selected="true"]'));
    await selected.waitFor();
  });

  step('so it does from a tree that is folded, and from one whose filter leaves the tensor out', async () => {
    const { page } = opened().workbench;
    const selected = treeRow(page, /^weight/).and(page.locator('[aria-selected="true"]'));
    const link = casts.locator('section[aria-label="Tensors that lose most"] button').first();
    await runCommand(page, 'Model Loupe: Filter Models');
    await page.locator('.quick-input-widget input').first().fill('no such tensor');
    await page.keyboard.press('Enter');
    await page.locator('.tree-explorer-viewlet-tree-view .message', { hasText: 'no such tensor' }).waitFor();
    await link.click();
    await selected.waitFor();
    await page.locator('.part.sidebar').hover();
    await page.locator('.part.sidebar [aria-label^="Collapse All"]').first().click();
    await selected.waitFor({ state: 'detached' });
    await link.click();
    await selected.waitFor();
  });

  step('so it does when the rows on the way are others than when it was measured', async () => {
    const { workbench, workspace } = opened();
    await writeSmallGemma(join(workspace.folder, 'small-gemma'));
    const link = casts.locator('section[aria-label="Tensors that lose most"] button', { hasText: '.layers.' }).first();
    await link.click();
    await treeRow(workbench.page, /^weight/).and(workbench.page.locator('[aria-selected="true"]')).waitFor();
    await treeRow(workbench.page, /^0-17: 18 ×/).waitFor();
    assert.equal(await casts.locator('.loupe-error').count(), 0);
  });
}
