// A language pack as JupyterLab finds those that are installed.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const LOCALE = 'de_DE';
const MODULE = 'loupe_words';

/** Writes one with these words of Model Loupe's into a folder; gives the environment that has it installed. */
export function writeLanguagePack(folder, words) {
  const messages = join(folder, MODULE, 'locale', LOCALE, 'LC_MESSAGES');
  const installed = join(folder, `${MODULE}-1.0.dist-info`);
  mkdirSync(messages, { recursive: true });
  mkdirSync(installed);
  writeFileSync(join(folder, MODULE, '__init__.py'), '');
  writeFileSync(join(installed, 'METADATA'), `Metadata-Version: 2.1\nName: ${MODULE}\nVersion: 1.0\n`);
  writeFileSync(join(installed, 'entry_points.txt'), `[jupyterlab.languagepack]\n${LOCALE} = ${MODULE}\n`);
  const head = { domain: 'model_loupe', language: LOCALE.replace('_', '-'), plural_forms: 'nplurals=2; plural=(n != 1);' };
  const translated = Object.entries(words).map(([word, translation]) => [word, [translation]]);
  writeFileSync(join(messages, 'model_loupe.json'), JSON.stringify({ '': head, ...Object.fromEntries(translated) }));
  return { PYTHONPATH: folder };
}
