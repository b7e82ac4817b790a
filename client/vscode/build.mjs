// Bundles the VS Code extension and its pages into dist. `--production` minifies, `--watch` rebuilds.
import * as esbuild from 'esbuild';

import { extension, pages } from './bundles.mjs';

const production = process.argv.includes('--production');

for (const options of [extension, pages]) {
  const context = await esbuild.context({ ...options, minify: production, sourcemap: production ? false : 'linked' });
  if (process.argv.includes('--watch')) {
    await context.watch();
  } else {
    await context.rebuild();
    await context.dispose();
  }
}
