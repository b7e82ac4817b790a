// Bundles the VS Code extension, dist/extension.js, and its pages, dist/casts and dist/model. `--production` minifies, `--watch` rebuilds.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

import * as esbuild from 'esbuild';

const production = process.argv.includes('--production');
const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

const common = {
  absWorkingDir: root,
  bundle: true,
  // From source: a change in core needs no build of its own.
  alias: {
    '@model-loupe/core/exponents': './client/core/src/casts/exponents.ts',
    '@model-loupe/core/page': './client/core/src/casts/page.ts',
    '@model-loupe/core/treemap': './client/core/src/treemap/view.ts',
    '@model-loupe/core': './client/core/src/index.ts',
  },
  minify: production,
  sourcemap: production ? false : 'linked',
  logLevel: 'warning',
};
const extension = await esbuild.context({
  ...common,
  entryPoints: ['client/vscode/src/extension.ts'],
  outfile: 'dist/extension.js',
  format: 'cjs',
  platform: 'node',
  // What the oldest VS Code of engines.vscode runs extensions with.
  target: 'node20',
  external: ['vscode'],
  legalComments: 'none',
});
const pages = await esbuild.context({
  ...common,
  entryPoints: ['client/vscode/webview/casts.ts', 'client/vscode/webview/model.ts'],
  outdir: 'dist',
  format: 'iife',
  platform: 'browser',
  target: 'es2022',
  // lit-html's licence asks for it.
  legalComments: 'inline',
});
for (const context of [extension, pages]) {
  if (process.argv.includes('--watch')) {
    await context.watch();
  } else {
    await context.rebuild();
    await context.dispose();
  }
}
