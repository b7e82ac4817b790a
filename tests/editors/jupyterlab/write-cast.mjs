// What a user of JupyterLab does to write a checkpoint in another dtype.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { photograph } from '../lib/browser.mjs';
import { until } from '../lib/processes.mjs';
import { writeCheckpoint } from '../lib/samples.mjs';
import { row, runCommand, typeAfter } from './lab.mjs';

const WRITTEN = 'casts/gemma-in-half';

/** Steps in the demo, with a worker that has torch; `opened()` gives the folder and the page of JupyterLab. */
export function writeSteps(step, opened) {
  const dialog = () => opened().page.locator('.jp-Dialog');
  const toast = (text) => opened().page.locator('.Toastify__toast', { hasText: text });

  step('a row’s menu writes a cast checkpoint, below the folder that is served', async () => {
    const { page, folder } = opened();
    await row(page, './small-gemma').first().click({ button: 'right' });
    await page.locator('.lm-Menu-item', { hasText: 'Write Cast Checkpoint' }).click();
    const list = dialog().getByLabel('Cast ./small-gemma to');
    await list.selectOption('float32');
    assert.equal(await dialog().getByLabel('New folder').inputValue(), 'small-gemma-float32');
    assert.match(await list.locator('option', { hasText: 'float16' }).first().innerText(), /float16 · [\d.]+ MiB/);
    await list.selectOption('float16');
    await dialog().getByLabel('New folder').fill(WRITTEN);
    await photograph(page, 'jupyterlab-write-cast');
    await dialog().getByRole('button', { name: 'Write Checkpoint' }).click();
    await toast(/^Written, and read back: .*gemma-in-half/).waitFor();
    await photograph(page, 'jupyterlab-cast-written');
    assert.ok(existsSync(join(folder, WRITTEN, 'model.safetensors.index.json')));
    const config = JSON.parse(readFileSync(join(folder, WRITTEN, 'config.json'), 'utf8'));
    assert.equal(config.dtype ?? config.torch_dtype, 'float16');
  });

  step('the palette does, too; a folder that is there is told of, and kept', async () => {
    const { page } = opened();
    await toast(/^Written/).getByTitle('Hide notification').click();
    await runCommand(page, 'Write Cast Checkpoint');
    await dialog().getByLabel('New folder').fill(WRITTEN);
    await page.keyboard.press('Enter');
    await toast(/^Model Loupe: .*gemma-in-half/).waitFor();
    await photograph(page, 'jupyterlab-cast-refused');
    await toast(/^Model Loupe: /).getByTitle('Hide notification').click();
  });

  step('it tells how far it is, and is cancelled: nothing is left of it', async () => {
    const { page, folder } = opened();
    await writeCheckpoint(join(folder, 'full-size'), 'GEMMA_2B_CONFIG, gemma_2b_tensors(), shards=2');
    await typeAfter(page, 'print(model)', 'AutoModelForCausalLM.from_pretrained("./full-size")');
    await row(page, './full-size').click();
    await runCommand(page, 'Write Cast Checkpoint');
    assert.equal(await dialog().getByLabel('New folder').inputValue(), 'full-size-float16');
    await dialog().getByRole('button', { name: 'Write Checkpoint' }).click();
    await toast(/[1-9][\d.]* [MG]iB of [\d.]+ GiB/).getByRole('button', { name: 'Cancel' }).click();
    await toast(/was cancelled: nothing was written/).waitFor();
    const left = () => readdirSync(folder).filter((name) => name.includes('full-size'));
    await until(() => left().length === 1, 'what was begun is removed');
    assert.deepEqual(left(), ['full-size']);
  });
}
