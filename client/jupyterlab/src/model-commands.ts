/** The commands about whole models and about how the tree is shown; their labels are those of VS Code's. */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Clipboard, type ICommandPalette } from '@jupyterlab/apputils';
import { chooseModel, chooseTwo, exportModel, t, type ExportFormat, type ModelNode } from '@model-loupe/core';

import { revealInCode } from './code-places';
import { CATEGORY, MODEL_ROW, PRINTABLE_ROWS } from './commands';
import type { Comparisons } from './comparisons';
import { orTell } from './failures';
import type { ModelsPanel } from './panel';
import { DialogPicker } from './picker';
import type { LoupeServer } from './server';
import type { SizesPages } from './sizes';

export const ModelCommandIDs = {
  filter: 'model-loupe:filter',
  clearFilter: 'model-loupe:clear-filter',
  sortBySize: 'model-loupe:sort-by-size',
  sortInOrder: 'model-loupe:sort-in-order',
  compare: 'model-loupe:compare',
  showSizes: 'model-loupe:show-sizes',
  revealInCode: 'model-loupe:reveal-in-code',
  copyText: 'model-loupe:copy-text',
  copyMarkdown: 'model-loupe:copy-markdown',
  copyJson: 'model-loupe:copy-json',
} as const;

const COPIES: readonly (readonly [id: string, label: () => string, format: ExportFormat])[] = [
  [ModelCommandIDs.copyText, () => t('Copy Model as Text'), 'text'],
  [ModelCommandIDs.copyMarkdown, () => t('Copy Model as Markdown'), 'markdown'],
  [ModelCommandIDs.copyJson, () => t('Copy Model as JSON'), 'json'],
];

/** What the commands act on. */
interface Parts {
  readonly server: LoupeServer;
  readonly panel: ModelsPanel;
  readonly comparisons: Comparisons;
  readonly sizes: SizesPages;
}

export function addModelCommands(app: JupyterFrontEnd, palette: ICommandPalette | null, parts: Parts): void {
  addTreeCommands(app, parts.panel);
  addAboutModels(app, parts);
  for (const command of Object.values(ModelCommandIDs)) {
    palette?.addItem({ command, category: CATEGORY });
  }
  const { compare, showSizes, revealInCode: reveal } = ModelCommandIDs;
  for (const selector of PRINTABLE_ROWS) {
    app.contextMenu.addItem({ command: showSizes, selector, rank: 0 });
  }
  app.contextMenu.addItem({ command: compare, selector: MODEL_ROW, rank: 0 });
  app.contextMenu.addItem({ command: reveal, selector: MODEL_ROW, rank: 0 });
  for (const [command] of COPIES) {
    app.contextMenu.addItem({ command, selector: MODEL_ROW, rank: 1 });
  }
}

/** How the tree is shown. */
function addTreeCommands({ commands, shell }: JupyterFrontEnd, panel: ModelsPanel): void {
  commands.addCommand(ModelCommandIDs.filter, {
    label: t('Filter Models'),
    caption: t('Filter tensors and config fields by a part of their names'),
    execute: async () => {
      // After the palette, which brings the keyboard back to the document in front.
      await new Promise((resolve) => setTimeout(resolve, 0));
      panel.entersAtFilter = true;
      shell.activateById(panel.id);
    },
  });
  commands.addCommand(ModelCommandIDs.clearFilter, {
    label: t('Clear Filter'),
    isVisible: () => panel.filter !== '',
    execute: () => {
      panel.filter = '';
    },
  });
  commands.addCommand(ModelCommandIDs.sortBySize, {
    label: t('Sort by Size'),
    isVisible: () => panel.sort === 'order',
    execute: () => {
      panel.sort = 'size';
    },
  });
  commands.addCommand(ModelCommandIDs.sortInOrder, {
    label: t('Sort in the Model\'s Order'),
    isVisible: () => panel.sort === 'size',
    execute: () => {
      panel.sort = 'order';
    },
  });
  panel.shownChanged.connect(() => {
    commands.notifyCommandChanged();
  });
}

/** Each about the model of the row that the keyboard is at, else about one that the user picks. */
function addAboutModels(app: JupyterFrontEnd, { server, panel, comparisons, sizes }: Parts): void {
  const picker = new DialogPicker(() => panel.roots());
  const isEnabled = (): boolean => server.state === 'ready';
  /** What to do with the model; `title` is that of the question for it. */
  const withModel = (title: string, act: (model: ModelNode) => unknown) => async (): Promise<void> => {
    const model = panel.currentModel ?? (await chooseModel(picker, title));
    if (model) {
      await act(model);
    }
  };
  const showSizes = withModel(t('Where the bytes of a model are'), ({ id }) => sizes.show({ node: id }));
  app.commands.addCommand(ModelCommandIDs.compare, {
    label: t('Compare Models'),
    caption: t('Show two models side by side'),
    isEnabled,
    execute: ({ node, other }) =>
      typeof node === 'string' && typeof other === 'string'
        ? comparisons.show({ node, other })
        : compare(comparisons, picker, panel.selectedModels),
  });
  app.commands.addCommand(ModelCommandIDs.showSizes, {
    label: t('Show Sizes'),
    caption: t('Show where the bytes of a model are'),
    isEnabled,
    execute: ({ node }) => (typeof node === 'string' ? sizes.show({ node }) : showSizes()),
  });
  app.commands.addCommand(ModelCommandIDs.revealInCode, {
    label: t('Reveal in Code'),
    caption: t('Go to where the code names a model'),
    isEnabled,
    execute: withModel(t('Which model to go to'), (model) => revealInCode(app, server, model)),
  });
  for (const [id, label, format] of COPIES) {
    app.commands.addCommand(id, {
      label,
      isEnabled,
      execute: withModel(t('Copy a model'), (model) => copyModel(server, model, format)),
    });
  }
}

async function compare(comparisons: Comparisons, picker: DialogPicker, selected: readonly ModelNode[]): Promise<void> {
  const [given] = selected;
  const other = given && selected.length === 1 ? t('Compare {0} with …', given.label) : t('… with this one');
  const two = await chooseTwo(picker, [t('Compare a model …'), other], selected);
  if (two) {
    await comparisons.show({ node: two[0].id, other: two[1].id });
  }
}

function copyModel(server: LoupeServer, model: ModelNode, format: ExportFormat): Promise<void> {
  return orTell(async () => {
    Clipboard.copyToSystem(await exportModel(server, model.id, format));
  });
}
