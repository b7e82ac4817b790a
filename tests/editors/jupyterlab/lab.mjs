// JupyterLab as `model-loupe demo` starts it, in a browser, and what a user does in it.
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { openBrowser, photograph } from '../lib/browser.mjs';
import { PYTHON } from '../lib/codeServer.mjs';
import { freePort, start, until } from '../lib/processes.mjs';
import { LOCALE, writeLanguagePack } from './language-pack.mjs';

/** The rows of the side panel's tree. */
export const row = (page, text) => page.locator('.jp-ModelLoupe-row', { hasText: text });
export const card = (page) => page.locator('.jp-ModelLoupe-card');

/**
 * Starts the demo on a free port and opens the address that it prints, the sample notebook.
 *
 * `serverConfig` is what a user would write to `jupyter_server_config.json`, `disabled` are extensions of
 * JupyterLab that are switched off, `settings` those of Model Loupe, `languageServers` the same under Settings ›
 * Language Servers, `words` translations of Model Loupe's words, `env` variables of its environment. `close()` ends
 * everything.
 */
export async function openDemo({ serverConfig = {}, disabled = [], settings, languageServers, words, env } = {}) {
  const home = mkdtempSync(join(tmpdir(), 'loupe-lab-'));
  const cleanUp = [() => rmSync(home, { recursive: true, force: true, maxRetries: 5 })];
  const close = async () => {
    for (const step of cleanUp.reverse()) {
      await step();
    }
  };
  try {
    const folder = join(home, 'demo');
    writeConfig(folder, 'jupyter_server_config.json', serverConfig);
    const disabledExtensions = Object.fromEntries(disabled.map((name) => [name, true]));
    writeConfig(folder, 'labconfig/page_config.json', { disabledExtensions });
    if (settings) {
      writeSettings(folder, '@model-loupe/jupyterlab/server', settings);
    }
    if (languageServers) {
      const ours = { 'python-model-loupe': { serverSettings: languageServers } };
      writeSettings(folder, '@jupyter-lsp/jupyterlab-lsp/plugin', { language_servers: ours });
    }
    const pack = words && writeLanguagePack(join(home, 'words'), words);
    if (pack) {
      writeSettings(folder, '@jupyterlab/translation-extension/plugin', { locale: LOCALE });
    }
    const log = join(home, 'demo.log');
    const command = ['-m', 'model_loupe', 'demo', '--no-browser', '--port', await freePort(), '--folder', folder];
    const environment = { ...process.env, HF_HUB_OFFLINE: '1', ...pack, ...env };
    const demo = start(PYTHON, command.map(String), { log, cwd: home, env: environment });
    cleanUp.push(() => demo.stop());
    const address = await Promise.race([printedAddress(log), demo.exited.then(() => undefined)]);
    if (!address) {
      throw new Error(`the demo ended:\n${readFileSync(log, 'utf8')}`);
    }
    const browser = await openBrowser(join(home, 'profile'));
    cleanUp.push(() => browser.context.close());
    browser.page.setDefaultTimeout(20_000);
    await browser.context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await browser.page.goto(address);
    await browser.page.locator('.jp-CodeCell .cm-content').first().waitFor({ timeout: 60_000 });
    await requireExtension(browser.page);
    return { ...browser, folder, demo, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A test whose `body` runs in a JupyterLab of its own; a picture of the page tells what went wrong. */
export function inLab(name, options, body) {
  test(name, async () => {
    const lab = await openDemo(options);
    try {
      await body(lab, lab.page);
    } catch (error) {
      await photograph(lab.page, `failed jupyterlab ${name.replace(/\W+/g, '-')}`);
      throw error;
    } finally {
      await lab.close();
    }
  });
}

/** Settings of a plugin, as a user changes them in the settings editor. */
function writeSettings(folder, plugin, settings) {
  const path = join(folder, '.jupyter/settings', `${plugin}.jupyterlab-settings`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, JSON.stringify(settings));
}

function writeConfig(folder, name, config) {
  const path = join(folder, '.jupyter/config', name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, JSON.stringify(config));
}

/** Every test would else fail in its own way, none of which says what is missing. */
async function requireExtension(page) {
  const config = await page.locator('#jupyter-config-data').textContent();
  const found = JSON.parse(config).federated_extensions.map((extension) => extension.name);
  if (!found.includes('@model-loupe/jupyterlab')) {
    throw new Error(
      `JupyterLab of ${PYTHON} does not see the extension @model-loupe/jupyterlab: install the wheel there ` +
        `(make wheel), or link client/jupyterlab/labextension. It sees: ${found.join(', ') || 'none'}`,
    );
  }
}

function printedAddress(log) {
  return until(() => /^Address: (http:\S+)/m.exec(readFileSync(log, 'utf8'))?.[1], 'the demo prints its address', 60);
}

/** Opens the side panel by its icon in the side bar. */
export async function openPanel(page) {
  await page.locator('.jp-SideBar [data-id="model-loupe-models"]').click();
  await page.locator('.jp-ModelLoupe').waitFor();
}

/** Drags the edge of the side panel. */
export async function widenPanel(page, by) {
  const { x, y, width, height } = await page.locator('.jp-ModelLoupe').boundingBox();
  await page.mouse.move(x + width + 2, y + height / 2);
  await page.mouse.down();
  await page.mouse.move(x + width + by, y + height / 2, { steps: 5 });
  await page.mouse.up();
}

/** A place in a word of the code that is shown, in a line that has all of `line`; undefined while there is none. */
async function wordAt(page, line, word) {
  return page.evaluate(
    ([lineText, wordText]) => {
      for (const element of document.querySelectorAll('.cm-line')) {
        const offset = element.textContent.includes(lineText) ? element.textContent.indexOf(wordText) : -1;
        if (offset >= 0) {
          element.scrollIntoView({ block: 'nearest' });
        }
        const range = document.createRange();
        const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
        for (let at = 0; offset >= 0 && walker.nextNode(); at += walker.currentNode.data.length) {
          if (offset < at + walker.currentNode.data.length) {
            range.setStart(walker.currentNode, offset - at);
            range.setEnd(walker.currentNode, offset - at + 1);
            const { x, y, width, height } = range.getBoundingClientRect();
            if (width > 0) {
              return { x: x + width * 2.5, y: y + height / 2 };
            }
            break;
          }
        }
      }
      return undefined;
    },
    [line, word],
  );
}

/** Rests the mouse on a word, `key` held, until the tooltip of that selector is there; gives its text. */
export async function hover(page, line, word, { selector = '.jp-ModelLoupe-card', key } = {}) {
  await leave(page);
  const tooltip = page.locator(selector).first();
  if (key) {
    await page.keyboard.down(key);
  }
  try {
    await until(async () => {
      // Away and back: a hover that came before the server had an answer does not ask again.
      await page.mouse.move(5, 5);
      const place = await wordAt(page, line, word);
      if (!place) {
        return false;
      }
      // JupyterLab's own hover wants the mouse to move while the key is held.
      await page.mouse.move(place.x - 3, place.y, { steps: 3 });
      await page.mouse.move(place.x, place.y);
      return tooltip.waitFor({ timeout: 3000 }).then(() => true, () => false);
    }, `hover over ${word} in ${line} shows ${selector}`, 20);
  } finally {
    if (key) {
      await page.keyboard.up(key);
    }
  }
  return tooltip.innerText();
}

/** Takes the mouse away, and waits until the card has gone. */
export async function leave(page) {
  await page.mouse.move(5, 5);
  await card(page).waitFor({ state: 'detached' });
}

/** Opens a file of a folder, both by name, as text: JupyterLab shows JSON as a tree otherwise. */
export async function openAsText(page, folder, name) {
  const listing = page.locator('.jp-DirListing-item');
  if (!(await listing.first().isVisible())) {
    await page.locator('.jp-SideBar [data-id="filebrowser"]').click();
  }
  await listing.filter({ hasText: folder }).dblclick();
  await listing.filter({ hasText: new RegExp(`^${name}`) }).click({ button: 'right' });
  await page.locator('.lm-Menu-item', { hasText: 'Open With' }).hover();
  await page.locator('.lm-Menu-item', { hasText: /^Editor$/ }).click();
}

/** Adds a line to the code cell that has `text`. */
export async function typeAfter(page, text, line) {
  await page.locator('.jp-CodeCell .cm-line', { hasText: text }).locator('visible=true').first().click();
  await page.keyboard.press('Control+End');
  await page.keyboard.press('Enter');
  await page.keyboard.type(line);
  await page.keyboard.press('Escape');
}

/** Runs a command by the name that the command palette shows; a notebook that is still loading takes the focus from that. */
export async function runCommand(page, title) {
  const palette = page.locator('.lm-CommandPalette');
  const patience = { timeout: 3000 };
  const choose = async () => {
    await page.keyboard.press('Control+Shift+C');
    await palette.locator('input').fill(title, patience);
    await palette.locator('.lm-CommandPalette-item', { hasText: title }).first().click(patience);
  };
  await until(() => choose().then(() => true, () => false), `the palette runs ${title}`);
}

/** Waits until JupyterLab has saved that such a document is open: it does so a moment later, and only then brings it back. */
export async function untilSaved(page, namespace) {
  const isSaved = async (name) => {
    const { baseUrl, token } = JSON.parse(document.querySelector('#jupyter-config-data').textContent);
    const answer = await fetch(`${baseUrl}lab/api/workspaces`, { headers: { Authorization: `token ${token}` } });
    const { workspaces } = await answer.json();
    return workspaces.values.some(({ data }) => JSON.stringify(data['layout-restorer:data']?.main ?? '').includes(name));
  };
  await until(() => page.evaluate(isSaved, `${namespace}:`), `JupyterLab saves the layout with ${namespace}`);
}

/** Chooses JupyterLab's own theme of that name: `Light` or `Dark`. */
export async function chooseTheme(page, name) {
  await runCommand(page, `Use Theme: JupyterLab ${name}`).catch(() => undefined);
  await until(
    async () => (await page.locator('body').getAttribute('data-jp-theme-light')) === String(name === 'Light'),
    `the theme is ${name}`,
  );
}

/** Ids of the processes below `ancestor` whose command line has all of `words`. */
export function processes(ancestor, ...words) {
  const parents = new Map();
  const found = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      parents.set(pid, stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      if (words.every((word) => command.includes(word))) {
        found.push(pid);
      }
    } catch {
      // It ended meanwhile.
    }
  }
  const isBelow = (pid) => pid !== undefined && (pid === String(ancestor) || isBelow(parents.get(pid)));
  return found.filter((pid) => pid !== String(ancestor) && isBelow(pid));
}
