/** What `print(model)` writes, as documents in the main area that follow the model. */
import type { JupyterFrontEnd, ILayoutRestorer } from '@jupyterlab/application';
import { MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import { printModel } from '@model-loupe/core';
import { Widget } from '@lumino/widgets';

import { CommandIDs } from './commands';
import { loupeIcon } from './icons';
import type { LoupeServer } from './server';

// JupyterLab connects to the server with the first document that is shown.
const NOT_YET = 'This shows once a notebook or a Python file is open.';
const ASKING = 'Asking the installed transformers…';

/** The text for one row of the tree; asks again when models change. */
class PrintedModel extends Widget {
  constructor(
    private readonly server: LoupeServer,
    readonly row: string,
  ) {
    super({ node: document.createElement('pre') });
    this.addClass('jp-ModelLoupe-printed');
    this.node.tabIndex = 0;
    this.title.label = 'print(model)';
    this.title.icon = loupeIcon;
    server.stateChanged.connect(this.refresh, this);
    server.modelsChanged.connect(this.refresh, this);
    this.refresh();
  }

  private refresh(): void {
    const isReady = this.server.state === 'ready';
    if (!this.isTold) {
      this.say(isReady ? ASKING : NOT_YET);
    }
    if (isReady) {
      void this.load();
    }
  }

  private async load(): Promise<void> {
    this.generation += 1;
    const generation = this.generation;
    try {
      const { title, text } = await printModel(this.server, this.row);
      if (generation === this.generation && !this.isDisposed) {
        this.title.label = title;
        this.title.caption = `print(model): ${title}`;
        this.isTold = true;
        this.say(text);
      }
    } catch (reason) {
      if (generation === this.generation && !this.isDisposed) {
        this.say(reason instanceof Error ? reason.message : String(reason));
      }
    }
  }

  private say(text: string): void {
    // The same text is left alone: part of it may be selected.
    if (this.node.textContent !== text) {
      this.node.textContent = text;
    }
  }

  /** There was an answer: it stays until there is a newer one. */
  private isTold = false;
  private generation = 0;
}

/** Opens the documents, one a row, and brings them back when the page is loaded again. */
export class PrintedModels {
  constructor(
    private readonly app: JupyterFrontEnd,
    private readonly server: LoupeServer,
    restorer: ILayoutRestorer | null,
  ) {
    void restorer?.restore(this.tracker, {
      command: CommandIDs.print,
      args: ({ content }) => ({ row: content.row }),
      name: ({ content }) => content.row,
    });
  }

  async show(row: string): Promise<void> {
    let widget = this.tracker.find(({ content }) => content.row === row);
    if (!widget) {
      widget = new MainAreaWidget({ content: new PrintedModel(this.server, row) });
      widget.toolbar.hide();
      this.app.shell.add(widget, 'main', { mode: 'tab-after', type: 'Model Loupe' });
      await this.tracker.add(widget);
    }
    this.app.shell.activateById(widget.id);
  }

  private readonly tracker = new WidgetTracker<MainAreaWidget<PrintedModel>>({ namespace: 'model-loupe-printed' });
}
