/** What stands where nothing can be shown: why the server cannot be asked, and what helps. */
import { t } from '@model-loupe/core';

import { CommandIDs } from './commands';
import type { ServerState } from './server';

/** A sentence, code that belongs to it, and the command that helps, if one does. */
export interface Notice {
  readonly text: string;
  readonly code?: string;
  readonly command?: { readonly id: string; readonly label: string };
}

const INSTALL = "pip install 'model-loupe[jupyter]'";

export function restart(): NonNullable<Notice['command']> {
  return { id: CommandIDs.restartServer, label: t('Restart the Language Server') };
}

/** Why there is no server to ask. */
export function noticeOf(state: Exclude<ServerState, 'ready'>): Notice {
  switch (state) {
    case 'starting':
      return { text: t('Looking for the language server…') };
    case 'no-jupyter-lsp':
      return {
        text: t('jupyter-lsp is missing in the Jupyter server. Install it there, and start Jupyter again:'),
        code: INSTALL,
      };
    case 'disabled':
      return {
        text: t(
          'JupyterLab’s language servers are off. Switch them on in Settings › Language Servers, or, if jupyterlab-lsp is missing, install it and start Jupyter again:',
        ),
        code: INSTALL,
      };
    case 'no-server':
      return {
        text: t(
          'The Jupyter server does not offer Model Loupe’s language server. Install it there, and start Jupyter again:',
        ),
        code: INSTALL,
      };
    case 'no-document':
      return { text: t('Open a notebook or a Python file, or bring one to the front, to see the models that it names.') };
    case 'connecting':
      return { text: t('Connecting to the language server…') };
    case 'lost':
      return { text: t('The connection to the language server was lost.'), command: restart() };
  }
}

export function noModels(): Notice {
  return {
    text: t('No model is named in the open documents that were in front. Load one, and it shows here:'),
    code: 'AutoModelForCausalLM.from_pretrained("./model")',
  };
}

/** The same in one line, for a page, which has the server connected: it waits for no document. */
export function waitingWords(state: ServerState): string {
  if (state === 'ready' || state === 'no-document') {
    return waitingWords('connecting');
  }
  const { text, code, command } = noticeOf(state);
  const help = command && t('The command palette has “{0}”.', command.label);
  return [text, code, help].filter(Boolean).join(' ');
}
