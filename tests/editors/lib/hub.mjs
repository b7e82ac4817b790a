// A Hub on loopback, with a model that takes hours to download.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { REPOSITORY } from './browser.mjs';
import { PYTHON } from './codeServer.mjs';
import { start, until } from './processes.mjs';
import { writeCheckpoint } from './samples.mjs';

export const HUB_MODEL = 'google/gemma-2b';
const SECONDS_PER_KILOBYTE = 0.05;

/** `env` leads programs there, with an empty cache for what comes from it; `stop()` ends it. */
export async function startHub() {
  const home = mkdtempSync(join(tmpdir(), 'loupe-hub-'));
  await writeCheckpoint(join(home, 'models', HUB_MODEL), 'GEMMA_2B_CONFIG, gemma_2b_tensors()');
  const log = join(home, 'hub.log');
  const words = ['-u', '-m', 'tests.hub', join(home, 'models'), String(SECONDS_PER_KILOBYTE)];
  const hub = start(PYTHON, words, { log, cwd: REPOSITORY });
  const address = () => /^export HF_ENDPOINT=(\S+)/m.exec(readFileSync(log, 'utf8'))?.[1];
  const HF_ENDPOINT = await until(address, 'the Hub tells its address');
  return {
    env: { HF_ENDPOINT, HF_HOME: join(home, 'huggingface'), HF_HUB_OFFLINE: '0' },
    async stop() {
      await hub.stop();
      rmSync(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
