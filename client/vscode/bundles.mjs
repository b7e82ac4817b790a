// What esbuild makes the VS Code extension and its pages of.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const common = {
  absWorkingDir: dirname(dirname(dirname(fileURLToPath(import.meta.url)))),
  outdir: 'dist',
  bundle: true,
  // From source: a change in core needs no build of its own.
  alias: {
    '@model-loupe/core/code': './client/core/src/casts/code.ts',
    '@model-loupe/core/exponents': './client/core/src/casts/exponents.ts',
    '@model-loupe/core/page': './client/core/src/casts/page.ts',
    '@model-loupe/core/treemap': './client/core/src/treemap/view.ts',
    '@model-loupe/core': './client/core/src/index.ts',
  },
  logLevel: 'warning',
};

/** Leaves `import('./…')` in place: what it names is an entry point, loaded when it is needed. */
const apart = {
  name: 'apart',
  setup: (build) => {
    build.onResolve({ filter: /^\.\// }, ({ kind, path }) =>
      kind === 'dynamic-import' ? { path: `${path}.js`, external: true } : undefined
    );
  },
};

export const extension = {
  ...common,
  entryPoints: ['client/vscode/src/extension.ts', 'client/vscode/src/connection.ts'],
  plugins: [apart],
  format: 'cjs',
  platform: 'node',
  // What the oldest VS Code of engines.vscode runs extensions with.
  target: 'node20',
  // By require: VS Code gives its API to that alone.
  supported: { 'dynamic-import': false },
  external: ['vscode'],
  legalComments: 'none',
};

export const pages = {
  ...common,
  entryPoints: ['client/vscode/webview/casts.ts', 'client/vscode/webview/model.ts'],
  format: 'iife',
  platform: 'browser',
  target: 'es2022',
  // lit-html's licence asks for it.
  legalComments: 'inline',
};
