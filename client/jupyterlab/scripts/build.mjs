// Builds the prebuilt extension: TypeScript to lib/, then lib/ and the styles to labextension/.
// `--development` adds source maps. Wants node alone, no Python and no JupyterLab.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(join(here, 'package.json'));

/** Runs a package's command by its file: the links in `.bin/` differ between systems. */
function run(command, ...words) {
  const { status } = spawnSync(process.execPath, [require.resolve(command), ...words], { cwd: here, stdio: 'inherit' });
  if (status !== 0) {
    process.exit(status ?? 1);
  }
}

run('typescript/bin/tsc', '--project', join(here, '..', 'core'));
run('typescript/bin/tsc');
// The builder names its files by their content and leaves the old ones.
rmSync(join(here, 'labextension'), { recursive: true, force: true });
run(
  '@jupyter/builder/lib/build-labextension.js',
  ...process.argv.slice(2),
  '--core-package-file',
  require.resolve('@jupyterlab/core-meta/core.package.json'),
  here,
);
