/** Cast previews as documents in the main area. */
import type { JupyterFrontEnd, ILayoutRestorer } from '@jupyterlab/application';
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
import type { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';

import { CommandIDs } from './commands';
import { Documents } from './documents';
import type { Edits } from './edits';
import { loupeIcon } from './icons';
import { NOT_YET, type LoupeServer } from './server';

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
        if (server.state !== 'ready') {
          options.onProgress({ message: NOT_YET });
          await server.untilReady();
        }
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

export type CastPreviews = Documents<CastSubject>;

/** The pages, which open beside the code. */
export function castPreviews(
  app: JupyterFrontEnd,
  server: LoupeServer,
  edits: Edits,
  restorer: ILayoutRestorer | null,
): CastPreviews {
  return new Documents(app, restorer, {
    namespace: 'model-loupe-casts',
    command: CommandIDs.previewCasts,
    mode: 'split-right',
    open: (subject) => new CastWidget(subject, server, edits, app.commands),
  });
}
