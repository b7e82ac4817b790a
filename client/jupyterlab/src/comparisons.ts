/** Two models side by side, as documents in the main area that follow them. */
import type { ILayoutRestorer, JupyterFrontEnd } from '@jupyterlab/application';
import { MimeModel, type IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { compareModels, t, type CompareParams, type PrintedModel } from '@model-loupe/core';

import { Documents } from './documents';
import { FollowingWidget } from './following';
import { ModelCommandIDs } from './model-commands';
import type { LoupeServer } from './server';

const MARKDOWN = 'text/markdown';

export type Comparisons = Documents<CompareParams>;

export function comparisons(
  app: JupyterFrontEnd,
  server: LoupeServer,
  rendermime: IRenderMimeRegistry,
  restorer: ILayoutRestorer | null,
): Comparisons {
  return new Documents(app, restorer, {
    namespace: 'model-loupe-comparisons',
    command: ModelCommandIDs.compare,
    mode: 'tab-after',
    open: (models) => comparison(server, rendermime, models),
  });
}

/** The server's Markdown, rendered and sanitized as JupyterLab does untrusted output. */
function comparison(
  server: LoupeServer,
  rendermime: IRenderMimeRegistry,
  models: CompareParams,
): FollowingWidget<PrintedModel> {
  const renderer = rendermime.createRenderer(MARKDOWN);
  const widget = new FollowingWidget<PrintedModel>(server, {
    className: 'jp-ModelLoupe-comparison',
    label: t('Comparison'),
    asking: t('Comparing the models…'),
    ask: () => compareModels(server, models),
    draw: ({ text }, body) => {
      body.replaceChildren(renderer.node);
      void renderer.renderModel(new MimeModel({ data: { [MARKDOWN]: text } }));
    },
    titleOf: ({ title }) => ({ label: title, caption: t('Comparison: {0}', title) }),
  });
  widget.disposed.connect(() => {
    renderer.dispose();
  });
  return widget;
}
