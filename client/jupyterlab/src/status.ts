/** What the language server is doing, in the status bar; a click opens the panel. */
import { t } from '@model-loupe/core';
import type { CommandRegistry } from '@lumino/commands';
import { Widget } from '@lumino/widgets';

import { CommandIDs } from './commands';
import type { LoupeServer, ServerState } from './server';

function wordsOf(state: ServerState): string {
  const words: Readonly<Record<ServerState, string>> = {
    starting: t('starting'),
    'no-jupyter-lsp': t('jupyter-lsp is missing'),
    disabled: t('language servers are off'),
    'no-server': t('not installed in the Jupyter server'),
    'no-document': t('no Python document is open'),
    connecting: t('connecting'),
    ready: t('ready'),
    lost: t('connection lost'),
  };
  return words[state];
}

export class StatusItem extends Widget {
  constructor(
    private readonly server: LoupeServer,
    commands: CommandRegistry,
  ) {
    super();
    this.addClass('jp-ModelLoupe-status');
    this.button.className = 'jp-StatusBar-TextItem';
    this.button.addEventListener('click', () => void commands.execute(CommandIDs.open));
    this.node.append(this.button);
    server.stateChanged.connect(this.draw, this);
    this.draw();
  }

  private draw(): void {
    this.button.textContent = `Model Loupe: ${wordsOf(this.server.state)}`;
    this.button.title = t('Show the models that the open documents name');
  }

  private readonly button = document.createElement('button');
}
