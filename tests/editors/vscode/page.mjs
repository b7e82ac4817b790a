// What a user does in the workbench: lenses, the tree, the side bar.
import { quickPick } from '../lib/codeServer.mjs';
import { until } from '../lib/processes.mjs';
import { writeSetting } from '../lib/samples.mjs';

export const EDITOR = '.editor-instance';
const THEMES = [
  ['Default Light Modern', 'light'],
  ['Default High Contrast', 'high-contrast'],
  ['Default Dark Modern', 'dark'],
];
const TREE = '.tree-explorer-viewlet-tree-view';

export const lens = (page, scope, text) => page.locator(`${scope} .codelens-decoration a`, { hasText: text });
export const treeRow = (page, text) => page.locator(`${TREE} .monaco-list-row`, { hasText: text });

/** Waits until the tree's rows have been the same for a second: VS Code may fold a row that is unfolded meanwhile. */
export async function treeAtRest(page) {
  let before;
  await until(async () => {
    const rows = (await page.locator(`${TREE} .monaco-list-row`).allInnerTexts()).join('\n');
    const same = rows === before;
    before = rows;
    await page.waitForTimeout(same ? 0 : 1000);
    return same;
  }, 'the tree is at rest');
}

/** Runs a command by the words that the command palette shows. */
export async function runCommand(page, title) {
  await quickPick(page, 'F1', `>${title}`, title.replace(/^.*: /, ''));
}

export async function expand(page, text) {
  const row = treeRow(page, text).first();
  await row.waitFor();
  if ((await row.getAttribute('aria-expanded')) === 'false') {
    await row.locator('.monaco-tl-twistie').click();
  }
  await until(async () => (await row.getAttribute('aria-expanded')) === 'true', `${text} is expanded`);
}

/** Types over a line of code. */
export async function typeLine(page, scope, line, text) {
  // Its first word: a line is as wide as the longest one, and its middle may be out of sight.
  await page.locator(`${scope} .view-line`, { hasText: line }).locator('span span').first().click();
  await page.keyboard.press('Home');
  await page.keyboard.press('Shift+End');
  // At once, as pasted: key by key the editor would add closing brackets and quotes.
  await page.keyboard.insertText(text);
}

export async function widenSideBar(page, by) {
  const { x, y, width, height } = await page.locator('.part.sidebar').boundingBox();
  await page.mouse.move(x + width + 2, y + height / 2);
  await page.mouse.down();
  await page.mouse.move(x + width + by, y + height / 2, { steps: 5 });
  await page.mouse.up();
}

/** The document inside of VS Code's two frames of a web view that has `selector`. */
export function webViewFrame(page, selector) {
  return until(async () => {
    for (const frame of page.frames()) {
      if ((await frame.locator(selector).count().catch(() => 0)) > 0) {
        return frame;
      }
    }
    return undefined;
  }, `a web view has ${selector}`);
}

/** Checks a page of ours in light, in high contrast and in dark, which the setting of this workspace folder makes. */
export async function inEachTheme(frame, folder, check) {
  for (const [theme, kind] of THEMES) {
    writeSetting(folder, 'workbench.colorTheme', theme);
    await frame.locator(`body.vscode-${kind}`).waitFor();
    await check(kind);
  }
}
