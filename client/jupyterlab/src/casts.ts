/** Cast previews as documents in the main area. */
import type { JupyterFrontEnd, ILayoutRestorer } from '@jupyterlab/application';
import {
  CAST_PREVIEW,
  EditedCall,
  ServerEnded,
  t,
  TENSOR_PATH,
  type CastPreview,
  type CastPreviewParams,
  type CastSubject,
  type StreamOptions,
  type TensorPathParams,
} from '@model-loupe/core';
import { CastPage, type CastHost } from '@model-loupe/core/page';
import type { CommandRegistry } from '@lumino/commands';
import type { IDisposable } from '@lumino/disposable';
import type { Message } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';

import { CommandIDs } from './commands';
import { Documents } from './documents';
import type { Edits } from './edits';
import { loupeIcon } from './icons';
import { waitingWords } from './notices';
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
    this.title.label = t('Casts');
    this.title.icon = loupeIcon;
    this.hold = server.hold();
    this.page = new CastPage(this.node, this.host(), subject.model);
  }

  override dispose(): void {
    this.page.dispose();
    this.hold.dispose();
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
      preview: (params, options) => this.preview(params, options),
      edit: call && ((dtype) => call.edit(dtype)),
      apply: ({ edit }) => this.edits.apply(edit),
      reveal: async (tensor) => {
        const params: TensorPathParams = { model: subject.model, tensor };
        const path = await server.request<string[]>(TENSOR_PATH, params);
        await this.commands.execute(CommandIDs.reveal, { path });
      },
    };
  }

  private async preview(
    params: CastPreviewParams,
    options: StreamOptions<CastPreview>,
    mayAskAgain = true,
  ): Promise<CastPreview> {
    await this.server.untilReady((state) => options.onProgress({ message: waitingWords(state) }));
    try {
      return await this.server.stream<CastPreview>(CAST_PREVIEW, params, {
        ...options,
        onPartial: (part) => {
          this.title.label = t('Casts · {0}', part.title);
          options.onPartial(part);
        },
      });
    } catch (reason) {
      // As when a notebook is opened beside a page that was brought back without one, or the last one is closed.
      if (reason instanceof ServerEnded && mayAskAgain && !options.signal.aborted) {
        return this.preview(params, options, false);
      }
      throw reason;
    }
  }

  private readonly hold: IDisposable;
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
