/** Commands of the server's lenses and actions: some are the client's to do, the others the server's own. */
import { PREVIEW_CASTS } from '@model-loupe/core';
import type { CommandRegistry } from '@lumino/commands';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { CommandIDs } from './commands';
import type { LoupeServer } from './server';

type Words = readonly unknown[];

const CLIENT_COMMANDS: Readonly<Record<string, { id: string; args: (words: Words) => object }>> = {
  'modelLoupe.showArchitecture': {
    id: CommandIDs.showArchitecture,
    args: ([model, architecture]) => ({ model, architecture }),
  },
  [PREVIEW_CASTS]: {
    id: CommandIDs.previewCasts,
    args: ([model, place]) => ({ model, place }),
  },
};

export async function runCommand(
  commands: CommandRegistry,
  server: LoupeServer,
  command: string,
  words: Words,
): Promise<void> {
  const own = CLIENT_COMMANDS[command];
  if (own) {
    await commands.execute(own.id, own.args(words) as ReadonlyPartialJSONObject);
  } else {
    await server.execute(command, ...words);
  }
}
