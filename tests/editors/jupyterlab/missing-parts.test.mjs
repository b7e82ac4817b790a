// Where a part is missing or has died, the panel says which and what to do.
import assert from 'node:assert/strict';

import { until } from '../lib/processes.mjs';
import { inLab, openPanel, processes, row } from './lab.mjs';

const MISSING = [
  {
    name: 'the server is not offered',
    options: { serverConfig: { LanguageServerManager: { autodetect: false } } },
    says: /does not offer Model Loupe/,
  },
  {
    name: 'jupyter-lsp is not loaded in the Jupyter server',
    options: { serverConfig: { ServerApp: { jpserver_extensions: { jupyter_lsp: false } } } },
    says: /jupyter-lsp is missing in the Jupyter server/,
  },
  {
    name: 'jupyterlab-lsp is missing',
    options: { disabled: ['@jupyter-lsp/jupyterlab-lsp'] },
    says: /jupyterlab-lsp is missing/,
  },
  {
    name: 'JupyterLab runs without its language server support',
    options: { disabled: ['@jupyterlab/lsp-extension'] },
    says: /language servers are off/,
  },
];

for (const { name, options, says } of MISSING) {
  inLab(`says what to install where ${name}`, options, async (lab, page) => {
    await openPanel(page);
    const notice = page.locator('.jp-ModelLoupe-notice');
    await notice.getByText("pip install 'model-loupe[jupyter]'").waitFor();
    assert.match(await notice.innerText(), says);
    assert.deepEqual([...lab.outside], []);
  });
}

inLab('offers a restart where the server has died', {}, async (lab, page) => {
  await openPanel(page);
  await row(page, './small-gemma').waitFor();
  const [server] = processes(lab.demo.pid, 'model_loupe', 'serve');
  process.kill(Number(server), 'SIGKILL');
  // jupyter-lsp keeps the connection: only a question that is not answered tells.
  await until(() => processes(lab.demo.pid, 'model_loupe', 'serve').length === 0, 'the server is gone');
  const panel = page.locator('.jp-ModelLoupe');
  await panel.getByRole('button', { name: 'Refresh' }).click();
  await panel.getByText('has not answered').waitFor();
  await panel.getByRole('button', { name: 'Restart the Language Server' }).click();
  await row(page, './small-gemma').waitFor();
});
