// What VS Code loads to activate the extension, and what it leaves for later.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as esbuild from 'esbuild';

import { extension } from '../bundles.mjs';

const { metafile } = await esbuild.build({ ...extension, minify: true, write: false, metafile: true });

/** What is in a bundle, of our own files or of packages. */
function inputs(name) {
  return Object.keys(metafile.outputs[`dist/${name}.js`].inputs);
}

const isOurs = (path) => /^client\/(vscode|core)\/src\//.test(path);

test('the extension becomes active on its own code alone', () => {
  assert.deepEqual(inputs('extension').filter((path) => !isOurs(path)), []);
  assert(metafile.outputs['dist/extension.js'].bytes < 64 * 1024);
});

test('the language client is in a bundle that the extension loads later', () => {
  assert(inputs('connection').some((path) => path.includes('node_modules/vscode-languageclient/')));
  const { imports } = metafile.outputs['dist/extension.js'];
  assert(imports.some(({ path, external }) => path === './connection.js' && external));
});
