/** What `print(model)` writes, as documents in the main area that follow the model. */
import type { ILayoutRestorer, JupyterFrontEnd } from '@jupyterlab/application';
import { printModel, t, type PrintedModel } from '@model-loupe/core';

import { CommandIDs } from './commands';
import { Documents } from './documents';
import { FollowingWidget } from './following';
import type { LoupeServer } from './server';

/** A row of the tree that can be printed. */
interface PrintedSubject {
  readonly row: string;
}

export type PrintedModels = Documents<PrintedSubject>;

export function printedModels(
  app: JupyterFrontEnd,
  server: LoupeServer,
  restorer: ILayoutRestorer | null,
): PrintedModels {
  return new Documents(app, restorer, {
    namespace: 'model-loupe-printed',
    command: CommandIDs.print,
    mode: 'tab-after',
    open: ({ row }) => printedModel(server, row),
  });
}

function printedModel(server: LoupeServer, row: string): FollowingWidget<PrintedModel> {
  const text = document.createElement('pre');
  return new FollowingWidget<PrintedModel>(server, {
    className: 'jp-ModelLoupe-printed',
    label: 'print(model)',
    asking: t('Asking the installed transformers…'),
    ask: () => printModel(server, row),
    draw: (printed, body) => {
      text.textContent = printed.text;
      body.replaceChildren(text);
    },
    titleOf: ({ title }) => ({ label: title, caption: `print(model): ${title}` }),
  });
}
