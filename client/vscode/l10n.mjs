// Writes what translators are given, l10n/bundle.l10n.json, from the sources of the extension and of its pages.
// (@vscode/l10n-dev finds `vscode.l10n.t` alone; core, which knows no editor, has a `t` of its own.)
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import ts from 'typescript';

const here = dirname(fileURLToPath(import.meta.url));
export const BUNDLE = join(here, 'l10n/bundle.l10n.json');
const PAGES = ['../core/src', 'webview'];
const JUPYTERLAB = '../jupyterlab/src';
/** Names, keys and code, which are the same in every language. */
const SAME_EVERYWHERE = new Set([
  'Model Loupe',
  'JupyterLab',
  'Accel C',
  'Accel .',
  'Control',
  "pip install 'model-loupe[jupyter]'",
  'AutoModelForCausalLM.from_pretrained("./model")',
]);
const CALLS = /^((vscode\.)?l10n\.)?t$/;
/** Attributes that are read out or shown. */
const SPOKEN = /\b(?:title|alt|placeholder|aria-label)=(["'])(.*?)\1/g;
/** Two words, or a capital letter at the start: classes, selectors and units have neither. */
const PROSE = /^[A-Z][a-z](?!B)|^[^.[:]*[a-z,] [a-z]/;

/** The bundle as it should be: each message stands for itself. */
export function bundle() {
  const found = [...sources(['src', ...PAGES])].flatMap(messagesOf);
  return `${JSON.stringify(Object.fromEntries([...new Set(found)].sort().map((text) => [text, text])), undefined, 2)}\n`;
}

/** What the pages and JupyterLab would show in English whatever the language, as `file: text`. */
export function untranslated() {
  // JupyterLab's list of plugins, index.ts, is in English throughout.
  const shown = [...sources([...PAGES, JUPYTERLAB])].filter(({ fileName }) => fileName !== join(JUPYTERLAB, 'index.ts'));
  return shown.flatMap((source) =>
    literalsOf(source)
      .filter((text) => !SAME_EVERYWHERE.has(text))
      .map((text) => `${source.fileName}: ${text}`)
  );
}

function* sources(folders) {
  for (const folder of folders) {
    for (const name of readdirSync(join(here, folder), { recursive: true })) {
      if (name.endsWith('.ts')) {
        const text = readFileSync(join(here, folder, name), 'utf8');
        yield ts.createSourceFile(join(folder, name), text, ts.ScriptTarget.Latest, true);
      }
    }
  }
}

function messagesOf(source) {
  return nodes(source, (node) => isCall(node)).map(({ arguments: [message] }) => {
    if (!message || !ts.isStringLiteralLike(message)) {
      throw new Error(`${source.fileName}: a message is one literal, not ${message?.getText()}`);
    }
    return message.text;
  });
}

/** `source` is any text of TypeScript that was parsed with its parents. */
export function literalsOf(source) {
  const templates = nodes(source, ts.isTaggedTemplateExpression).flatMap(({ template }) => wordsOf(template));
  const strings = nodes(source, ts.isStringLiteralLike).filter(isShown).map(({ text }) => text);
  return [...templates.filter((text) => /[a-z]{2}/i.test(text)), ...strings.filter((text) => PROSE.test(text))];
}

/** The words of a lit template: its text, and the attributes that are read out. */
function wordsOf(template) {
  const text = ts.isTemplateExpression(template)
    ? [template.head, ...template.templateSpans.map(({ literal }) => literal)].map((part) => part.text).join('\u0000')
    : template.text;
  const spoken = [...text.matchAll(SPOKEN)].map(([, , words]) => words);
  return [...spoken, ...text.replace(/<[^>]*>/g, '\u0000').split('\u0000')].map((words) => words.trim());
}

function isShown({ parent }) {
  return !(
    isCall(parent) ||
    isLog(parent) ||
    ts.isCaseClause(parent) ||
    ts.isImportDeclaration(parent) ||
    ts.isExportDeclaration(parent) ||
    ts.isLiteralTypeNode(parent) ||
    ts.isBinaryExpression(parent) ||
    ts.isTaggedTemplateExpression(parent)
  );
}

function isCall(node) {
  return ts.isCallExpression(node) && CALLS.test(node.expression.getText());
}

function isLog(node) {
  return ts.isCallExpression(node) && node.expression.getText().startsWith('console.');
}

function nodes(node, wanted) {
  const found = wanted(node) ? [node] : [];
  ts.forEachChild(node, (child) => {
    found.push(...nodes(child, wanted));
  });
  return found;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(BUNDLE, bundle());
}
