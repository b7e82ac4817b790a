// What a user of JupyterLab sees of a download, and how they end it.
import { photograph } from '../lib/browser.mjs';
import { HUB_MODEL } from '../lib/hub.mjs';
import { descendants, until } from '../lib/processes.mjs';
import { row, typeAfter } from './lab.mjs';

/** Has the model of a row downloaded. */
export async function download(page, model) {
  await row(page, model).click({ button: 'right' });
  await page.locator('.lm-Menu-item', { hasText: 'Download Model' }).click();
}

/** In a demo that asks a Hub with a large model. */
export async function downloadAndCancel({ page, demo }) {
  await typeAfter(page, 'print(model)', `AutoModelForCausalLM.from_pretrained("${HUB_MODEL}")`);
  await download(page, HUB_MODEL);
  const toast = page.locator('.Toastify__toast', { hasText: `Downloading ${HUB_MODEL}` });
  await toast.filter({ hasText: /: [1-9][\d.]* \w+ of [\d.]+ GiB/ }).waitFor();
  await photograph(page, 'jupyterlab-download');
  const isDownloading = () => descendants(demo.pid).some(({ command }) => command.includes('snapshot_download'));
  await until(isDownloading, 'a process downloads');
  await toast.getByRole('button', { name: 'Cancel' }).click();
  await toast.waitFor({ state: 'detached' });
  await until(() => !isDownloading(), 'the process has been ended');
}
