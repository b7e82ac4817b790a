/** What the language server is doing, in the status bar; a click opens the panel. */
import type { CommandRegistry } from '@lumino/commands';
import { Widget } from '@lumino/widgets';

import { CommandIDs } from './commands';
import type { LoupeServer, ServerState } from './server';

const WORDS: Readonly<Record<ServerState, string>> = {
  starting: 'starting',
  'no-jupyter-lsp': 'jupyter-lsp is missing',
  disabled: 'language servers are off',
  'no-server': 'not installed in the Jupyter server',
  'no-document': 'no Python document is open',
  connecting: 'connecting',
  ready: 'ready',
  lost: 'connection lost',
};

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
    const words = WORDS[this.server.state];
    this.button.textContent = `Model Loupe: ${words}`;
    this.button.title = 'Show the models that the open documents name';
  }

  private readonly button = document.createElement('button');
}
