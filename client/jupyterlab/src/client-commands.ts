/** Commands of the server's lenses and actions: some are the client's to do, the others the server's own. */
import { PREVIEW_CASTS } from '@model-loupe/core';
import type { CommandRegistry } from '@lumino/commands';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { CommandIDs } from './commands';
import { orTell } from './failures';
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

export function runCommand(
  commands: CommandRegistry,
  server: LoupeServer,
  command: string,
  words: Words,
): Promise<void> {
  const own = CLIENT_COMMANDS[command];
  return orTell(() =>
    own
      ? commands.execute(own.id, own.args(words) as ReadonlyPartialJSONObject)
      : server.execute(command, ...words),
  );
}
