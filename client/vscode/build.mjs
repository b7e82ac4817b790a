// Bundles the VS Code extension into one file, dist/extension.js. `--production` minifies, `--watch` rebuilds.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

import * as esbuild from 'esbuild';

const production = process.argv.includes('--production');
const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

const context = await esbuild.context({
  absWorkingDir: root,
  entryPoints: ['client/vscode/src/extension.ts'],
  outfile: 'dist/extension.js',
  bundle: true,
  format: 'cjs',
  platform: 'node',
  // What the oldest VS Code of engines.vscode runs extensions with.
  target: 'node20',
  external: ['vscode'],
  // From source: a change in core needs no build of its own.
  alias: { '@model-loupe/core': './client/core/src/index.ts' },
  minify: production,
  sourcemap: production ? false : 'linked',
  legalComments: 'none',
  logLevel: 'warning',
});
if (process.argv.includes('--watch')) {
  await context.watch();
} else {
  await context.rebuild();
  await context.dispose();
}
