import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import ts from 'typescript';

import { bundle, BUNDLE, literalsOf, untranslated } from '../l10n.mjs';

test('translators have the strings of today: `node client/vscode/l10n.mjs` writes them', () => {
  assert.equal(readFileSync(BUNDLE, 'utf8'), bundle());
});

test('no word of the pages or of JupyterLab’s extension stands outside of a message', () => {
  assert.deepEqual(untranslated(), []);
});

test('a word outside of a message is found, wherever it is shown', () => {
  const code = [
    'html`<p class="x">Text ${a} <b>more text</b></p>`',
    'html`<i title="A tip" aria-label=${t("Told")}>${b}</i>`',
    'change({ done: "It is done." })',
    'key === "Enter" && place.querySelector("[a] .b")',
  ].join(';\n');
  const source = ts.createSourceFile('a.ts', code, ts.ScriptTarget.Latest, true);
  assert.deepEqual(literalsOf(source), ['Text', 'more text', 'A tip', 'It is done.']);
});
