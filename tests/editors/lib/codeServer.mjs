// VS Code's workbench as a web page, with the packed extension in it and nothing left from other runs.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { openBrowser, REPOSITORY } from './browser.mjs';
import { descendants, freePort, run, start, until } from './processes.mjs';

const VSIX = join(REPOSITORY, 'dist/model-loupe.vsix');
export const PYTHON = process.env.MODEL_LOUPE_TEST_PYTHON ?? join(REPOSITORY, '.venv/bin/python');

const SETTINGS = {
  'security.workspace.trust.startupPrompt': 'never',
  'telemetry.telemetryLevel': 'off',
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
  'workbench.enableExperiments': false,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'chat.disableAIFeatures': true,
  'extensions.autoCheckUpdates': false,
  'extensions.autoUpdate': 'off',
  'extensions.ignoreRecommendations': true,
  'update.mode': 'none',
  'git.enabled': false,
  'editor.hover.delay': 100,
};

// What web views show comes from this name; VS Code's own service worker answers, not the network.
const SERVICE_WORKER = /(^|\.)vscode-resource\.vscode-cdn\.net$/;

let installed;

/** Folder of the installed extension, unpacked once for all tests of this process. */
async function extensions(entry) {
  installed ??= (async () => {
    const folder = mkdtempSync(join(tmpdir(), 'loupe-extensions-'));
    process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
    const words = ['--config', join(folder, 'config.yaml'), '--user-data-dir', join(folder, 'user')];
    await run(entry.node, [entry.script, ...words, '--extensions-dir', join(folder, 'ext'), '--install-extension', VSIX], {
      env: { ...process.env, EXTENSIONS_GALLERY: '{}' },
    });
    return join(folder, 'ext');
  })();
  return installed;
}

function codeServer() {
  const folder = execFileSync(join(REPOSITORY, 'tests/editors/setup.sh'), ['--path'], { encoding: 'utf8' }).trim();
  const entry = {
    node: join(folder, 'bin/node'),
    script: join(folder, 'node_modules/code-server/out/node/entry.js'),
  };
  if (!existsSync(entry.script) || !existsSync(VSIX)) {
    throw new Error('run tests/editors/setup.sh and `make vsix` first');
  }
  return entry;
}

/**
 * Opens a workspace folder in a workbench of its own with these settings and changes of the environment.
 * Workspaces are trusted unless `trusting` is false; `extension` is the folder of one more extension.
 *
 * `open()` shows another folder, `log()` is what the extension wrote to its log, `languageServers()` are the ids of
 * the language servers' processes, `extensions` is the folder of what is installed, `close()` ends everything.
 */
export async function openWorkbench(workspace, settings = {}, { environment = {}, trusting = true, extension } = {}) {
  const home = mkdtempSync(join(tmpdir(), 'loupe-workbench-'));
  const cleanUp = [() => rmSync(home, { recursive: true, force: true, maxRetries: 5 })];
  const close = async () => {
    for (const step of cleanUp.reverse()) {
      await step();
    }
  };
  try {
    const entry = codeServer();
    const userData = join(home, 'user');
    // The interpreter is a setting of the machine that runs the extensions, the others are of the user's page.
    for (const [folder, values] of [['User', SETTINGS], ['Machine', settings]]) {
      mkdirSync(join(userData, folder), { recursive: true });
      writeFileSync(join(userData, folder, 'settings.json'), JSON.stringify(values));
    }
    cpSync(await extensions(entry), join(home, 'ext'), { recursive: true });
    if (extension) {
      addExtension(join(home, 'ext'), extension);
    }
    const port = await freePort();
    const words = ['--bind-addr', `127.0.0.1:${port}`, '--auth', 'none', '--disable-telemetry', '--disable-update-check',
      '--disable-getting-started-override', '--disable-proxy',
      '--config', join(home, 'config.yaml'), '--user-data-dir', userData, '--extensions-dir', join(home, 'ext')];
    if (trusting) {
      words.push('--disable-workspace-trust');
    }
    const log = join(home, 'code-server.log');
    const server = start(entry.node, [entry.script, ...words], { log, env: { ...inherited(), ...environment } });
    cleanUp.push(() => server.stop());
    await until(() => isUp(port), 'code-server answers');
    const browser = await openBrowser(join(home, 'profile'), { allowedHosts: [SERVICE_WORKER] });
    cleanUp.push(() => browser.context.close());
    const open = async (folder) => {
      await browser.page.goto(`http://127.0.0.1:${port}/?folder=${encodeURIComponent(folder)}`);
      await browser.page.waitForSelector('.explorer-folders-view .monaco-list-row', { timeout: 60_000 });
    };
    await open(workspace);
    const languageServers = () =>
      descendants(server.pid).filter(({ command }) => command.endsWith('/dist/server serve')).map(({ pid }) => pid);
    const told = () => readLogs(join(userData, 'logs'));
    return { ...browser, open, log: told, languageServers, extensions: join(home, 'ext'), close };
  } catch (error) {
    await close();
    throw error;
  }
}

function addExtension(extensions, folder) {
  const { publisher, name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const id = `${publisher}.${name}`;
  cpSync(folder, join(extensions, id), { recursive: true });
  const registry = join(extensions, 'extensions.json');
  const location = { $mid: 1, path: join(extensions, id), scheme: 'file' };
  const entries = JSON.parse(readFileSync(registry, 'utf8'));
  const entry = { identifier: { id }, version, location, relativeLocation: id, metadata: {} };
  writeFileSync(registry, JSON.stringify([...entries, entry]));
}

function readLogs(folder) {
  const files = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('Model Loupe.log'));
  return files.map((name) => readFileSync(join(folder, name), 'utf8')).join('\n');
}

async function isUp(port) {
  try {
    return (await fetch(`http://127.0.0.1:${port}/healthz`)).ok;
  } catch {
    return false;
  }
}

/** The environment of the tests, without what a terminal inside VS Code would tell. */
function inherited() {
  return { ...process.env, VSCODE_IPC_HOOK_CLI: undefined, EXTENSIONS_GALLERY: '{}', HF_HUB_OFFLINE: '1' };
}

/** Opens a file of the workspace, or shows its tab, by its name or by as much of its path as tells it from others. */
export async function openFile(page, path) {
  // Behind the path stands how many problems the file has.
  const label = { has: page.locator(`[aria-label*="/${path}"]`) };
  const tab = page.locator('.tab', label);
  if ((await tab.count()) > 0) {
    await tab.click();
  } else {
    // The list may be drawn anew at the very moment that a row of it is taken.
    await until(async () => {
      await quickPick(page, 'Control+p', path, path.split('/').at(-1));
      return tab.waitFor({ timeout: 5000 }).then(() => true, () => false);
    }, `${path} is open`);
  }
  await page.locator('.tab.active', label).waitFor();
}

/**
 * Opens VS Code's quick input by a key, types `text` and takes the row that is found first, which has `label`.
 *
 * A window that has just opened does not know all its commands and files, and a list that is open does not grow.
 */
export async function quickPick(page, key, text, label) {
  const row = page.locator('.quick-input-list .monaco-list-row.focused', { hasText: label });
  await until(async () => {
    await page.keyboard.press(key);
    await page.locator('.quick-input-widget input').first().fill(text);
    const isThere = await row.waitFor({ timeout: 3000 }).then(() => true, () => false);
    await page.keyboard.press(isThere ? 'Enter' : 'Escape');
    return isThere;
  }, `${label} is offered`);
}

/** Text of the hover card over the first place in the editor that shows `text`. */
export async function hover(page, scope, text, expected) {
  const place = page.locator(`${scope} span span`, { hasText: text }).first();
  const card = page.locator('.monaco-hover:not(.hidden)', { hasText: expected }).first();
  await until(async () => {
    // Away and back: a hover that came before the server had an answer does not ask again.
    await page.mouse.move(700, 885);
    await place.hover();
    return card.waitFor({ timeout: 3000 }).then(() => true, () => false);
  }, `hover over ${text} shows ${expected}`, 20);
  return card.innerText();
}
