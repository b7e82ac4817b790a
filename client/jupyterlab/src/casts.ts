/** Cast previews as documents in the main area. */
import type { JupyterFrontEnd, ILayoutRestorer } from '@jupyterlab/application';
import { MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import {
  CAST_PREVIEW,
  EditedCall,
  TENSOR_PATH,
  type CastPreview,
  type CastSubject,
  type TensorPathParams,
} from '@model-loupe/core';
import { CastPage, type CastHost } from '@model-loupe/core/page';
import type { CommandRegistry } from '@lumino/commands';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import type { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';

import { CommandIDs } from './commands';
import type { Edits } from './edits';
import { loupeIcon } from './icons';
import type { LoupeServer } from './server';

class CastWidget extends Widget {
  constructor(
    readonly subject: CastSubject,
    private readonly server: LoupeServer,
    private readonly edits: Edits,
    private readonly commands: CommandRegistry,
  ) {
    super();
    this.addClass('jp-ModelLoupe-casts');
    this.title.label = 'Casts';
    this.title.icon = loupeIcon;
    this.page = new CastPage(this.node, this.host(), subject.model);
  }

  override dispose(): void {
    this.page.dispose();
    super.dispose();
  }

  protected override onActivateRequest(message: Message): void {
    super.onActivateRequest(message);
    this.node.tabIndex = -1;
    this.node.focus({ preventScroll: true });
  }

  private host(): CastHost {
    const { server, subject } = this;
    const call = subject.place && new EditedCall(server, subject.place);
    return {
      preview: async (params, options) => {
        await server.untilReady();
        return server.stream<CastPreview>(CAST_PREVIEW, params, {
          ...options,
          onPartial: (part) => {
            this.title.label = `Casts · ${part.title}`;
            options.onPartial(part);
          },
        });
      },
      edit: call && ((dtype) => call.edit(dtype)),
      apply: ({ edit }) => this.edits.apply(edit),
      reveal: async (tensor) => {
        const params: TensorPathParams = { model: subject.model, tensor };
        const path = await server.request<string[]>(TENSOR_PATH, params);
        await this.commands.execute(CommandIDs.reveal, { path });
      },
    };
  }

  private readonly page: CastPage;
}

/** Opens the pages, one a subject, and brings them back when the page is loaded again. */
export class CastPreviews {
  constructor(
    private readonly app: JupyterFrontEnd,
    private readonly server: LoupeServer,
    private readonly edits: Edits,
    restorer: ILayoutRestorer | null,
  ) {
    void restorer?.restore(this.tracker, {
      command: CommandIDs.previewCasts,
      args: ({ content }) => content.subject as unknown as ReadonlyPartialJSONObject,
      name: ({ content }) => JSON.stringify(content.subject),
    });
  }

  async show(subject: CastSubject): Promise<void> {
    const key = JSON.stringify(subject);
    let widget = this.tracker.find(({ content }) => JSON.stringify(content.subject) === key);
    if (!widget) {
      const content = new CastWidget(subject, this.server, this.edits, this.app.commands);
      widget = new MainAreaWidget({ content });
      widget.toolbar.hide();
      this.app.shell.add(widget, 'main', { mode: 'split-right', type: 'Model Loupe' });
      await this.tracker.add(widget);
    }
    this.app.shell.activateById(widget.id);
  }

  private readonly tracker = new WidgetTracker<MainAreaWidget<CastWidget>>({ namespace: 'model-loupe-casts' });
}
