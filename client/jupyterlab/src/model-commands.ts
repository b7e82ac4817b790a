/** The commands about whole models and about how the tree is shown; their labels are those of VS Code's. */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Clipboard, showErrorMessage, type ICommandPalette } from '@jupyterlab/apputils';
import { chooseModel, chooseTwo, exportModel, type ExportFormat, type ModelNode } from '@model-loupe/core';
import type { CommandRegistry } from '@lumino/commands';

import { CATEGORY, MODEL_ROW, PRINTABLE_ROWS } from './commands';
import type { Comparisons } from './comparisons';
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
  copyText: 'model-loupe:copy-text',
  copyMarkdown: 'model-loupe:copy-markdown',
  copyJson: 'model-loupe:copy-json',
} as const;

const COPIES: readonly (readonly [id: string, words: string, format: ExportFormat])[] = [
  [ModelCommandIDs.copyText, 'Text', 'text'],
  [ModelCommandIDs.copyMarkdown, 'Markdown', 'markdown'],
  [ModelCommandIDs.copyJson, 'JSON', 'json'],
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
  addAboutModels(app.commands, parts);
  for (const command of Object.values(ModelCommandIDs)) {
    palette?.addItem({ command, category: CATEGORY });
  }
  const { compare, showSizes } = ModelCommandIDs;
  for (const selector of PRINTABLE_ROWS) {
    app.contextMenu.addItem({ command: showSizes, selector, rank: 0 });
  }
  app.contextMenu.addItem({ command: compare, selector: MODEL_ROW, rank: 0 });
  for (const [command] of COPIES) {
    app.contextMenu.addItem({ command, selector: MODEL_ROW, rank: 1 });
  }
}

/** How the tree is shown. */
function addTreeCommands({ commands, shell }: JupyterFrontEnd, panel: ModelsPanel): void {
  commands.addCommand(ModelCommandIDs.filter, {
    label: 'Filter Models',
    caption: 'Filter tensors and config fields by a part of their names',
    execute: async () => {
      // After the palette, which brings the keyboard back to the document in front.
      await new Promise((resolve) => setTimeout(resolve, 0));
      panel.entersAtFilter = true;
      shell.activateById(panel.id);
    },
  });
  commands.addCommand(ModelCommandIDs.clearFilter, {
    label: 'Clear Filter',
    isVisible: () => panel.filter !== '',
    execute: () => {
      panel.filter = '';
    },
  });
  commands.addCommand(ModelCommandIDs.sortBySize, {
    label: 'Sort by Size',
    isVisible: () => panel.sort === 'order',
    execute: () => {
      panel.sort = 'size';
    },
  });
  commands.addCommand(ModelCommandIDs.sortInOrder, {
    label: 'Sort in the Model\'s Order',
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
function addAboutModels(commands: CommandRegistry, { server, panel, comparisons, sizes }: Parts): void {
  const picker = new DialogPicker(() => panel.roots());
  const isEnabled = (): boolean => server.state === 'ready';
  const model = async (title: string): Promise<ModelNode | undefined> =>
    panel.currentModel ?? (await chooseModel(picker, title));
  commands.addCommand(ModelCommandIDs.compare, {
    label: 'Compare Models',
    caption: 'Show two models side by side',
    isEnabled,
    execute: async ({ node, other }) => {
      if (typeof node === 'string' && typeof other === 'string') {
        await comparisons.show({ node, other });
        return;
      }
      const { currentModel } = panel;
      const titles = ['Compare a model …', currentModel ? `Compare ${currentModel.label} with …` : '… with this one'] as const;
      const two = await chooseTwo(picker, titles, currentModel ? [currentModel] : []);
      if (two) {
        await comparisons.show({ node: two[0].id, other: two[1].id });
      }
    },
  });
  commands.addCommand(ModelCommandIDs.showSizes, {
    label: 'Show Sizes',
    caption: 'Show where the bytes of a model are',
    isEnabled,
    execute: async ({ node }) => {
      const chosen = typeof node === 'string' ? node : (await model('Where the bytes of a model are'))?.id;
      if (chosen !== undefined) {
        await sizes.show({ node: chosen });
      }
    },
  });
  for (const [id, words, format] of COPIES) {
    commands.addCommand(id, {
      label: `Copy Model as ${words}`,
      isEnabled,
      execute: async () => {
        const chosen = await model('Copy a model');
        if (chosen) {
          await copyModel(server, chosen, format);
        }
      },
    });
  }
}

async function copyModel(server: LoupeServer, model: ModelNode, format: ExportFormat): Promise<void> {
  try {
    Clipboard.copyToSystem(await exportModel(server, model.id, format));
  } catch (reason) {
    await showErrorMessage(`${model.label} was not copied`, reason instanceof Error ? reason.message : String(reason));
  }
}
