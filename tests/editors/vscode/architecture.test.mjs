// What the user's own transformers says of a model, in a real workbench with a real torch.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before } from 'node:test';

import { photograph } from '../lib/browser.mjs';
import { openFile, openWorkbench, PYTHON } from '../lib/codeServer.mjs';
import { run, until } from '../lib/processes.mjs';
import { makeBuildableWorkspace, TORCH_PYTHON, writeSetting, writeSmallGemma } from '../lib/samples.mjs';
import { steps } from '../lib/steps.mjs';
import { castSteps } from './casts.mjs';
import { EDITOR, expand, lens, treeAtRest, treeRow, webViewFrame, widenSideBar } from './page.mjs';

// The first answer waits for torch and transformers to be imported, on a machine that may be busy.
const IMPORT = { timeout: 180_000 };

const WRITE_GGUF = `
import sys, gguf, numpy
writer = gguf.GGUFWriter(sys.argv[1], "llama")
values = numpy.linspace(-8, 8, 64 * 256, dtype="float32").reshape(64, 256)
packed = gguf.quants.quantize(values, gguf.GGMLQuantizationType.Q8_0)
writer.add_tensor("blk.0.ffn_up.weight", packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
`;

let workspace;
let workbench;
let page;

before(async () => {
  workspace = await makeBuildableWorkspace();
  await run(TORCH_PYTHON, ['-c', WRITE_GGUF, join(workspace.folder, 'packed.gguf')]);
  workbench = await openWorkbench(workspace.folder, {
    'modelLoupe.interpreter': PYTHON,
    'modelLoupe.worker.interpreter': TORCH_PYTHON,
    'modelLoupe.worker.enabled': false,
  });
  page = workbench.page;
  page.setDefaultTimeout(30_000);
});

after(async () => {
  await workbench?.close();
  workspace?.remove();
});

const step = steps('vscode', () => ({ page, log: workbench.log }));

/** The text of the document in the foreground, its first lines. */
async function shownText() {
  const lines = await page.locator(`${EDITOR} .view-lines`).first().innerText();
  return lines.replaceAll('\u00a0', ' ');
}

async function printRow(row) {
  await row.hover();
  await row.locator('.action-label[aria-label*="Print Model"]').click();
}

step('without the worker, names of tensors tell the tree', async () => {
  await openFile(page, 'sample.py');
  await lens(page, EDITOR, /^Architecture$/).first().click();
  for (const label of [/^model(?!s)/, /^layers/, /^0-17: 18 ×/, /^self_attn/]) {
    await expand(page, label);
  }
  await widenSideBar(page, 200);
  assert.doesNotMatch(await treeRow(page, /^self_attn/).innerText(), /GemmaAttention/);
});

step('with it, lenses and rows tell what each call builds, and nothing is folded or moved', async () => {
  writeSetting(workspace.folder, 'modelLoupe.worker.enabled', true);
  await treeRow(page, /^self_attn.*GemmaAttention/).waitFor(IMPORT);
  await treeRow(page, /^0-17: 18 ×.*GemmaDecoderLayer/).waitFor();
  assert.match(await treeRow(page, /^q_proj/).innerText(), /Linear\(in_features=64, out_features=64, bias=False\)/);
  await lens(page, EDITOR, /^GemmaModel · /).waitFor();
  assert.equal(await lens(page, EDITOR, /^GemmaForCausalLM · /).count(), 1);
  await photograph(page, 'built-tree');
});

step('the lens of another call opens what that call builds', async () => {
  await lens(page, EDITOR, /^Architecture$/).nth(1).click();
  const other = treeRow(page, /^Architecture.*GemmaModel/);
  await until(async () => (await other.getAttribute('aria-selected')) === 'true', 'its row is selected');
  await until(async () => (await other.getAttribute('aria-expanded')) === 'true', 'it is unfolded');
  await photograph(page, 'built-two-ways');
});

step('what print(model) writes opens as a document', async () => {
  await printRow(treeRow(page, /^Architecture.*GemmaForCausalLM/));
  await page.locator('.tab.active', { hasText: 'GemmaForCausalLM · ' }).waitFor();
  await until(async () => /^GemmaForCausalLM\(\n/.test(await shownText()), 'the text is there');
  const text = await shownText();
  assert.match(text, /\n {2}\(model\): GemmaModel\(\n {4}\(embed_tokens\): .*Embedding\(512, 64, padding_idx=0\)\n/);
  assert.match(text, /\n {6}\(0-17\): 18 x GemmaDecoderLayer\(\n/);
  assert.match(text, /\n {10}\(q_proj\): Linear\(in_features=64, out_features=64, bias=False\)\n/);
  await photograph(page, 'print-model');
});

step('… of the other call, too', async () => {
  await printRow(treeRow(page, /^Architecture.*GemmaModel/));
  await page.locator('.tab.active', { hasText: 'GemmaModel · ' }).waitFor();
  await until(async () => /^GemmaModel\(\n/.test(await shownText()), 'the text is there');
});

step('the document follows the model', async () => {
  await writeSmallGemma(join(workspace.folder, 'small-gemma'), { num_hidden_layers: 9 });
  await until(async () => /\(0-8\): 9 x GemmaDecoderLayer/.test(await shownText()), 'the text has nine layers');
});

step('Go to Definition opens the class in the installed transformers', async () => {
  await openFile(page, 'sample.py');
  // Its last word is what the cursor is on at the end of the line.
  await page.locator(`${EDITOR} .view-line`, { hasText: 'self_attn' }).locator('span span').first().click();
  await page.keyboard.press('End');
  await page.keyboard.press('F12');
  await page.locator('.tab.active', { hasText: 'modeling_gemma.py' }).waitFor();
  await until(async () => /class GemmaAttention\(/.test(await shownText()), 'the class is in sight');
  await treeAtRest(page);
  await photograph(page, 'definition');
});

castSteps(step, () => ({ workbench, workspace }));

step('the histogram of a checkpoint file comes into sight, with the focus, and is told', async () => {
  await openFile(page, 'model-00001-of-00002.safetensors');
  const file = await webViewFrame(page, '#values');
  await file.getByRole('button', { name: 'Show Histogram' }).click();
  await file.getByRole('status').filter({ hasText: /^The histogram is of [\d,]+ values, [\d,]+ of them read\.$/ }).waitFor(IMPORT);
  const figure = file.locator('#values figure:focus');
  await figure.getByRole('img', { name: /^Stored: 2.* As float16: 2/ }).waitFor();
  const { top, bottom, height } = await figure.evaluate((element) => {
    const { top, bottom } = element.getBoundingClientRect();
    return { top, bottom, height: innerHeight };
  });
  assert.ok(top >= 0 && bottom <= height, `it is from ${top} to ${bottom} of ${height}`);
  await photograph(page, 'checkpoint-histogram');
});

step('so does that of a GGUF file, whose values are unpacked for it', async () => {
  await openFile(page, 'packed.gguf');
  const file = await webViewFrame(page, 'h1:has-text("packed.gguf")');
  await file.getByRole('button', { name: 'Show Histogram' }).click();
  await file.getByRole('status').filter({ hasText: 'The histogram is of 16,384 values, 16,384 of them read.' }).waitFor(IMPORT);
});

step('a vocabulary is searched from its row', async () => {
  await treeAtRest(page); // the row that the last step led to may still be opened
  await treeRow(page, /./).first().click();
  await page.keyboard.press('Control+ArrowLeft'); // collapses all
  for (const label of [/small-gemma/, /^Tokenizer/, /^Vocabulary/]) {
    await expand(page, label);
  }
  await treeRow(page, /^<pad>/).waitFor();
  const vocabulary = treeRow(page, /^Vocabulary/);
  await vocabulary.hover();
  await vocabulary.locator('.action-label[aria-label^="Search Vocabulary"]').click();
  await page.locator('.quick-input-widget input').fill('MODEL');
  await page.keyboard.press('Enter');
  await treeRow(page, /^▁model/).waitFor();
  assert.equal(await treeRow(page, /^<pad>/).count(), 0);
  await treeAtRest(page);
  await photograph(page, 'vocabulary');
});

step('a page of casts is there again, with its figures, when the window was loaded anew', async () => {
  await workbench.open(workspace.folder);
  await page.locator('.tab', { hasText: /^Casts · / }).click();
  const casts = await webViewFrame(page, '.loupe-targets');
  await casts.getByText('estimated from a sample of every tensor').waitFor(IMPORT);
  assert.equal(await casts.locator('.loupe-error').count(), 0);
});

step('the page asked nobody but this machine', () => {
  assert.deepEqual([...workbench.outside], []);
});
