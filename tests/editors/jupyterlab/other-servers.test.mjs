// Beside another Python server, which JupyterLab prefers.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before } from 'node:test';

import { REPOSITORY } from '../lib/browser.mjs';
import { PYTHON } from '../lib/codeServer.mjs';
import { startHub } from '../lib/hub.mjs';
import { until } from '../lib/processes.mjs';
import { download, downloadAndCancel } from './download.mjs';
import { hover, inLab, leave, openPanel, processes, row, runCommand, typeAfter } from './lab.mjs';

const OTHER = {
  version: 2,
  argv: [PYTHON, join(REPOSITORY, 'tests/editors/jupyterlab/other_server.py')],
  languages: ['python'],
  mime_types: ['text/x-python', 'text/x-ipython'],
};

const preferred = {
  serverConfig: { LanguageServerManager: { language_servers: { pylsp: OTHER } } },
  languageServers: { 'modelLoupe.inlayHints': 'compact' },
};

let hub;

before(async () => {
  hub = await startHub();
  preferred.env = hub.env;
});

after(() => hub?.stop());

inLab('works beside another Python server', preferred, async (lab, page) => {
  await openPanel(page);
  await row(page, './small-gemma').waitFor();
  // Both are served: JupyterLab shows the other server's hover and complaints, the extension shows ours.
  const other = await hover(page, 'model_name = ', 'model_name', { selector: '.lsp-hover', key: 'Control' });
  assert.match(other, /said by the other server/);
  await page.keyboard.press('Escape');
  assert.match(await hover(page, 'model_name = ', './small-gemma'), /GemmaForCausalLM/);
  await leave(page);
  // What only Language Servers has counts, over the extension's own connection, too.
  await page.locator('.jp-ModelLoupe-hint', { hasText: /bfloat16/ }).first().waitFor();

  await typeAfter(page, 'print(model)', 'AutoModelForCausalLM.from_pretrained("./no-such-model")');
  await page.locator('.jp-ModelLoupe-mark', { hasText: './no-such-model' }).waitFor();
  assert.match(await hover(page, './no-such-model', './no-such-model'), /no such folder/);
  await leave(page);
  await page.locator('.cm-lintRange:not(.jp-ModelLoupe-mark)', { hasText: 'model_name' }).first().waitFor();

  // Over the extension's own connection, too.
  await downloadAndCancel(lab);
  // What JupyterLab shows of its own servers, the extension shows of ours.
  await typeAfter(page, 'print(model)', 'AutoModelForCausalLM.from_pretrained("google/no-such-model")');
  await download(page, 'google/no-such-model');
  await page.locator('.Toastify__toast', { hasText: /^Model Loupe: .*google\/no-such-model/ }).waitFor();

  const servers = () => processes(lab.demo.pid, 'model_loupe', 'serve');
  const [before] = servers();
  await runCommand(page, 'Restart the Language Server');
  await until(() => servers().length === 1 && servers()[0] !== before, 'another process serves');
  await row(page, './small-gemma').waitFor();
});
