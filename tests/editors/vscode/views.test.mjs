// What the extension shows of whole models: compared, copied, as sizes, as an opened file; the tree filtered and sorted.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before } from 'node:test';

import { assertAccessible, assertReadable } from '../lib/accessible.mjs';
import { photograph, REPOSITORY } from '../lib/browser.mjs';
import { openFile, openWorkbench, PYTHON } from '../lib/codeServer.mjs';
import { run, until } from '../lib/processes.mjs';
import { makeWorkspace, writeCheckpoint } from '../lib/samples.mjs';
import { steps } from '../lib/steps.mjs';
import { EDITOR, expand, inEachTheme, lens, runCommand, treeAtRest, treeRow, webViewFrame } from './page.mjs';

// As many tensors as the largest models have, in one module.
const MANY = 'SMALL_CONFIG, [(f"model.layers.{i}.weight", "BF16", [i % 7 + 1]) for i in range(100_000)]';

const NINE_LAYERS = 'SMALL_CONFIG, small_gemma_tensors()[: 1 + 9 * 9]';

const LOST_SHARD = 'model-00002-of-00002.safetensors';
// Of a folder that is not there; Markdown would show it in italics.
const ODD_NAME = 'no *such* model';

let workspace;
let workbench;
let page;

before(async () => {
  workspace = await makeWorkspace();
  await writeCheckpoint(join(workspace.folder, 'many'), MANY);
  const damaged = join(workspace.folder, 'damaged');
  await writeCheckpoint(damaged, 'SMALL_CONFIG, small_gemma_tensors(), shards=2');
  rmSync(join(damaged, LOST_SHARD));
  writeLoads('two.py', 'small-gemma', 'many');
  writeLoads('damaged.py', 'damaged', ODD_NAME);
  const writePickle = 'import sys; from tests.support.pickles import HONEST; open(sys.argv[1], "wb").write(HONEST)';
  await run(PYTHON, ['-c', writePickle, join(workspace.folder, 'pytorch_model.bin')], { cwd: REPOSITORY });
  workbench = await openWorkbench(workspace.folder, { 'modelLoupe.interpreter': PYTHON, 'modelLoupe.trace.server': 'messages' });
  page = workbench.page;
  page.setDefaultTimeout(20_000);
  await workbench.context.grantPermissions(['clipboard-read', 'clipboard-write']);
});

after(async () => {
  await workbench?.close();
  workspace?.remove();
});

const step = steps('vscode', () => ({ page, log: workbench.log }));

const command = (title) => runCommand(page, `Model Loupe: ${title}`);

/** The document inside of the web view in front. */
function webView() {
  return page.frameLocator('iframe.webview.ready').last().frameLocator('iframe#active-frame');
}

function writeLoads(file, ...models) {
  const loads = models.map((name) => `model = AutoModel.from_pretrained("./${name}")\n`);
  writeFileSync(join(workspace.folder, file), `from transformers import AutoModel\n\n${loads.join('')}`);
}

const copied = () => page.evaluate(() => navigator.clipboard.readText());
const row = (text) => page.locator('.quick-input-list .monaco-list-row', { hasText: text });
const pick = (text) => row(text).click();

step('the tree of 100,000 tensors is there, and draws what is in sight', async () => {
  await openFile(page, 'two.py');
  await lens(page, EDITOR, /^Architecture$/).nth(1).click();
  await treeRow(page, /^Architecture/).first().waitFor();
  await treeAtRest(page);
  await expand(page, /^Parameters by dtype/);
  await expand(page, /^bfloat16/);
  await treeRow(page, /^model\.layers\.6\.weight/).waitFor();
  assert.ok((await page.locator('.tree-explorer-viewlet-tree-view .monaco-list-row').count()) < 60);
  await photograph(page, 'many');
});

step('the tree is filtered by a part of a name, and shows all again', async () => {
  await command('Filter Models');
  await page.locator('.quick-input-widget input').first().fill('q_proj');
  await page.keyboard.press('Enter');
  await page.locator('.tree-explorer-viewlet-tree-view .message', { hasText: 'q_proj' }).waitFor();
  await treeAtRest(page);
  await expand(page, /^\.\/small-gemma/);
  await treeRow(page, /^model\.layers\.0\.self_attn\.q_proj\.weight/).waitFor();
  await photograph(page, 'filtered');
  await command('Clear Filter');
  await treeAtRest(page);
  await expand(page, /^\.\/small-gemma/);
  await treeRow(page, /^Config/).waitFor();
});

step('modules are sorted by size, and in their order again', async () => {
  await expand(page, /^Architecture/);
  await expand(page, /^model(?!s)/);
  const names = async () => {
    const rows = page.locator('.tree-explorer-viewlet-tree-view .monaco-list-row');
    // Rows stand in the page in the order in which they were drawn first.
    const texts = await rows.evaluateAll((all) =>
      all.sort((one, other) => one.dataset.index - other.dataset.index).map((row) => row.innerText.trim())
    );
    return texts.flatMap((text) => /^(embed_tokens|layers|norm)/.exec(text)?.[1] ?? []).join(' ');
  };
  await until(async () => (await names()) === 'embed_tokens layers norm', "the model's order");
  await command('Sort by Size');
  await until(async () => (await names()) === 'layers embed_tokens norm', 'the largest first');
  await command("Sort in the Model's Order");
  await until(async () => (await names()) === 'embed_tokens layers norm', "the model's order");
});

step('a model is copied as JSON', async () => {
  await command('Copy Model as JSON');
  await pick('./small-gemma');
  const text = await until(async () => ((await copied()).startsWith('{') ? copied() : ''), 'JSON is in the clipboard');
  assert.equal(JSON.parse(text).parameters.total, 661_824);
});

step('two models are compared side by side', async () => {
  await command('Compare Models');
  await pick('./small-gemma');
  await pick('./many');
  const view = webView();
  await view.locator('h1', { hasText: './small-gemma ↔ ./many' }).waitFor();
  await view.locator('td', { hasText: 'model.layers.0-17.mlp.down_proj.weight' }).waitFor();
  await photograph(page, 'comparison');
});

step('a comparison with a model that is not there says so, in its very words', async () => {
  await command('Compare Models');
  await pick('./small-gemma');
  await pick(ODD_NAME);
  await webView().locator('p', { hasText: `${ODD_NAME}: no such folder` }).waitFor();
});

step('a comparison is asked for anew when another server runs', async () => {
  const asked = () => (workbench.log().match(/Sending request 'modelLoupe\/compare/g) ?? []).length;
  const before = asked();
  await command('Restart Language Server');
  await until(() => asked() > before, 'the new server is asked');
});

step('sizes of a model are a treemap that opens with the keyboard', async () => {
  await command('Show Sizes');
  await pick('./small-gemma');
  const view = webView();
  const box = view.getByRole('button', { name: /^model: / });
  await box.waitFor();
  const scale = await view.locator('svg.loupe-treemap').evaluate((svg) => svg.clientWidth / svg.viewBox.baseVal.width);
  assert.ok(Math.abs(scale - 1) < 0.05, 'its words are as large as those of the page');
  await photograph(page, 'sizes');
  await box.focus();
  await page.keyboard.press('Enter');
  await view.getByRole('button', { name: /^model\.layers: / }).waitFor();
  await photograph(page, 'sizes-opened');
  // The way back has the focus.
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Enter');
  await box.waitFor();
  await assertAccessible(await webViewFrame(page, '.loupe-treemap'), '#page');
});

step('sizes follow a model that is written, changed and removed while they are shown', async () => {
  const folder = join(workspace.folder, 'no-such-model');
  const view = webView();
  await command('Show Sizes');
  await pick('./no-such-model');
  await view.getByText('no such folder').waitFor();
  await writeCheckpoint(folder, 'SMALL_CONFIG, small_gemma_tensors()');
  await view.getByRole('button', { name: /^model: .* 661,824 elements/ }).waitFor();
  await writeCheckpoint(folder, NINE_LAYERS);
  await view.getByRole('button', { name: /^model: .* 347,264 elements/ }).waitFor();
  rmSync(folder, { recursive: true });
  await view.getByText('no such folder').waitFor();
});

step('a .safetensors file opens as facts, contents and metadata; its values are read on request', async () => {
  await openFile(page, 'small-gemma/model.safetensors');
  const view = webView();
  await view.locator('h1', { hasText: 'model.safetensors' }).waitFor();
  await view.locator('td', { hasText: '661,824 parameters' }).waitFor();
  await view.locator('summary', { hasText: 'Architecture' }).click();
  await view.locator('summary', { hasText: /^model / }).waitFor();
  await photograph(page, 'checkpoint-file');
  await view.getByRole('button', { name: 'Show Histogram' }).click();
  // This interpreter has no torch: the page says so in a line.
  await view.locator('[role=alert]').waitFor();
  await photograph(page, 'checkpoint-values');
});

step('the page follows the file: what is open stays open, and values that were there before are forgotten', async () => {
  const view = webView();
  await writeCheckpoint(join(workspace.folder, 'small-gemma'), NINE_LAYERS);
  await view.locator('td', { hasText: '347,264 parameters' }).waitFor();
  await view.locator('[role=alert]').waitFor({ state: 'detached' });
  await view.locator('summary', { hasText: /^model / }).waitFor();
  await photograph(page, 'checkpoint-file-changed');
});

step('pytorch_model.bin opens as a checkpoint, and is offered that once', async () => {
  await openFile(page, 'pytorch_model.bin');
  await webView().locator('td', { hasText: '9 parameters' }).waitFor();
  await runCommand(page, 'View: Reopen Editor With...');
  await row('Text Editor').waitFor();
  assert.equal(await row('Checkpoint').count(), 1);
  await page.keyboard.press('Escape');
  await openFile(page, 'small-gemma/model.safetensors');
});

step('axe finds nothing serious in any theme, and what is written on the treemap can be read', async () => {
  const frame = await webViewFrame(page, '.loupe-facts');
  await inEachTheme(frame, workspace.folder, async (kind) => {
    await assertAccessible(frame, '#page');
    await assertReadable(frame);
    await photograph(page, `checkpoint-${kind}`);
  });
});

step('what is wrong with a model’s files stands above its casts', async () => {
  await until(async () => {
    await command('Preview Casts');
    // A page that takes the focus, as one may that is drawn in another theme, closes the list.
    return row('./damaged').click({ timeout: 5000 }).then(() => true, () => false);
  }, 'the model is picked');
  const casts = await webViewFrame(page, '.loupe-warnings');
  await casts.locator('.loupe-warnings li', { hasText: LOST_SHARD }).waitFor();
  await inEachTheme(casts, workspace.folder, async (kind) => {
    await assertAccessible(casts, '#page');
    await photograph(page, `casts-damaged-${kind}`);
  });
});

step('the menu of the status says that the environment is offline, and offers no setting for it', async () => {
  await page.locator('.statusbar-item', { hasText: 'Model Loupe' }).click();
  const rows = page.locator('.quick-input-list .monaco-list-row');
  await rows.filter({ hasText: 'HF_HUB_OFFLINE is set' }).waitFor();
  assert.equal(await rows.filter({ hasText: /Go (Offline|Online)/ }).count(), 0);
  await photograph(page, 'status-menu');
  await page.keyboard.press('Escape');
});

step('the contents of a large file come in pages, and the keyboard goes on with them', async () => {
  await openFile(page, 'many/model.safetensors');
  const view = webView();
  await view.locator('h1', { hasText: 'many/model.safetensors' }).waitFor();
  await view.locator('summary', { hasText: /^Parameters by dtype/ }).click();
  await view.locator('summary', { hasText: /^bfloat16/ }).click();
  await view.getByRole('button', { name: /^More/ }).click();
  await view.locator('.loupe-leaf:focus').waitFor();
  assert.equal(await view.locator('.loupe-leaf', { hasText: /^model\.layers/ }).count(), 400);
  await view.getByRole('button', { name: /^More/ }).waitFor();
});

step('the walkthrough opens', async () => {
  await runCommand(page, 'Welcome: Open Walkthrough');
  await pick('Get Started with Model Loupe');
  await page.locator('.gettingStartedContainer', { hasText: 'Choose your Python' }).waitFor();
  await photograph(page, 'walkthrough');
});

step('no string of the manifest is left untranslated', () => {
  const manifest = readFileSync(join(REPOSITORY, 'package.json'), 'utf8');
  const texts = JSON.parse(readFileSync(join(REPOSITORY, 'package.nls.json'), 'utf8'));
  const keys = [...manifest.matchAll(/"%([\w.-]+)%"/g)].map(([, key]) => key);
  assert.deepEqual([...new Set(keys)].sort(), Object.keys(texts).sort());
});

step('a window without a folder has a terminal for what is run in one, too', async () => {
  await page.goto(new URL('/?ew=true', page.url()).href);
  await page.locator('.activitybar [aria-label="Model Loupe"]').first().waitFor();
  // Without Python in sight nothing is started before it is asked for.
  await command('Restart Language Server');
  await page.getByRole('button', { name: /^Model Loupe: with Python/ }).waitFor();
  await command('Log in to the Hugging Face Hub');
  await page.locator('.terminal-wrapper.active .xterm-screen').waitFor();
});

step('the pages speak the language of the editor', async () => {
  const [extension] = readdirSync(workbench.extensions).filter((name) => name.startsWith('model-loupe'));
  const folder = join(workbench.extensions, extension, 'client/vscode/l10n');
  const words = Object.keys(JSON.parse(readFileSync(join(folder, 'bundle.l10n.json'), 'utf8')));
  const german = Object.fromEntries(words.map((text) => [text, `»${text}«`]));
  writeFileSync(join(folder, 'bundle.l10n.de.json'), JSON.stringify(german));
  // What a language pack sets; without one the workbench itself stays English.
  await page.addInitScript(() => {
    globalThis._VSCODE_NLS_LANGUAGE = 'de';
  });
  await workbench.open(workspace.folder);
  await openFile(page, 'small-gemma/model.safetensors');
  const frame = await webViewFrame(page, '.loupe-facts');
  await frame.getByRole('heading', { name: '»Contents«' }).waitFor();
  await frame.getByRole('button', { name: '»Show Histogram«' }).waitFor();
  await frame.locator('html[lang=de]').waitFor();
});

step('the page asked nobody but this machine', () => {
  assert.deepEqual([...workbench.outside], []);
});
