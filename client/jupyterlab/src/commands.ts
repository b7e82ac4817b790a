/** The commands, in the palette, the panel's toolbar and its rows' menu. */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Clipboard, InputDialog, type ICommandPalette } from '@jupyterlab/apputils';
import { copyIcon, refreshIcon } from '@jupyterlab/ui-components';

import { rowText, t, type CodePlace } from '@model-loupe/core';
import type { CodeActions } from './actions';
import type { CastPreviews } from './casts';
import { orTell } from './failures';
import type { CodeLenses } from './lenses';
import type { ModelsPanel } from './panel';
import type { PrintedModels } from './printed';
import type { LoupeServer } from './server';

export const CommandIDs = {
  open: 'model-loupe:open',
  print: 'model-loupe:print',
  previewCasts: 'model-loupe:preview-casts',
  writeCast: 'model-loupe:write-cast',
  reveal: 'model-loupe:reveal',
  showArchitecture: 'model-loupe:show-architecture',
  refresh: 'model-loupe:refresh',
  fix: 'model-loupe:fix',
  focusLens: 'model-loupe:focus-lens',
  searchVocabulary: 'model-loupe:search-vocabulary',
  copyName: 'model-loupe:copy-name',
  copy: 'model-loupe:copy',
  collapseAll: 'model-loupe:collapse-all',
  openOnHub: 'model-loupe:open-on-hub',
  download: 'model-loupe:download',
  restartServer: 'model-loupe:restart-server',
} as const;

const VOCABULARY = 'vocabulary';
export const CATEGORY = 'Model Loupe';
const ROW_SELECTOR = '.jp-ModelLoupe-row';
const TREE_SELECTOR = '.jp-ModelLoupe-tree';
const EDITOR_SELECTOR = '.jp-CodeMirrorEditor';

// Rows by what the server says they are: of models, and of all that can be printed.
export const MODEL_ROW = `${ROW_SELECTOR}[data-context='model']`;
export const PRINTABLE_ROWS = [MODEL_ROW, `${ROW_SELECTOR}[data-context='architecture']`];

/** Adds the commands; the panel's toolbar needs them before there is a panel. */
export function addCommands(
  app: JupyterFrontEnd,
  server: LoupeServer | null,
  panel: () => ModelsPanel,
  printed: () => PrintedModels | null,
  casts: () => CastPreviews | null,
): void {
  const { commands } = app;
  commands.addCommand(CommandIDs.open, {
    label: t('Show Models'),
    caption: t('Show the models that the open documents name'),
    execute: () => {
      app.shell.activateById(panel().id);
    },
  });
  commands.addCommand(CommandIDs.refresh, {
    label: t('Refresh Models'),
    caption: t('Refresh'),
    icon: refreshIcon,
    execute: () => server?.refreshModels(),
  });
  commands.addCommand(CommandIDs.print, {
    label: t('Print Model'),
    caption: t('Show what print(model) writes, without loading the model'),
    isEnabled: ({ row }) => printed() !== null && (row !== undefined || panel().printable !== undefined),
    execute: async ({ row }) => {
      const chosen = (row as string | undefined) ?? panel().printable?.id;
      if (chosen !== undefined) {
        await printed()?.show({ row: chosen });
      }
    },
  });
  commands.addCommand(CommandIDs.previewCasts, {
    label: t('Preview Casts'),
    caption: t('Show what casts to other dtypes do to the model’s weights'),
    isEnabled: ({ model }) => casts() !== null && (model !== undefined || panel().printable !== undefined),
    execute: async ({ model, place }) => {
      const chosen = (model as string | undefined) ?? panel().printable?.id;
      if (chosen !== undefined) {
        const call = place as unknown as CodePlace | undefined;
        await casts()?.show(call ? { model: chosen, place: call } : { model: chosen });
      }
    },
  });
  commands.addCommand(CommandIDs.showArchitecture, {
    label: t('Show Architecture'),
    execute: async ({ model, architecture }) => {
      app.shell.activateById(panel().id);
      await panel().showArchitecture(model as string, architecture as string | undefined);
    },
  });
  commands.addCommand(CommandIDs.reveal, {
    label: t('Show in the Tree'),
    execute: async ({ path }) => {
      app.shell.activateById(panel().id);
      await panel().reveal(path as string[]);
    },
  });
  commands.addCommand(CommandIDs.searchVocabulary, {
    label: t('Search Vocabulary …'),
    caption: t('Show the tokens that have a text in them, or the one with an id'),
    isEnabled: () => panel().current?.contextValue === VOCABULARY,
    execute: async () => {
      const { value } = await InputDialog.getText({
        title: t('Search Vocabulary'),
        label: t('Tokens with this in their text, or with this id (empty: all)'),
        text: panel().query,
      });
      if (value !== null) {
        await panel().searchVocabulary(value);
      }
    },
  });
  commands.addCommand(CommandIDs.copyName, {
    label: t('Copy Name'),
    execute: () => {
      const node = panel().current;
      if (node) {
        Clipboard.copyToSystem(node.label);
      }
    },
  });
  commands.addCommand(CommandIDs.copy, {
    label: t('Copy Row'),
    caption: t('Copy the selected rows'),
    icon: copyIcon,
    execute: () => {
      const rows = panel().selected;
      if (rows.length > 0) {
        Clipboard.copyToSystem(rows.map(rowText).join('\n'));
      }
    },
  });
  commands.addCommand(CommandIDs.collapseAll, {
    label: t('Collapse All'),
    caption: t('Collapse all'),
    execute: () => {
      panel().collapseAll();
    },
  });
  commands.addCommand(CommandIDs.openOnHub, {
    label: t('Open on the Hub'),
    caption: t('Open the model’s page on the Hugging Face Hub'),
    isVisible: () => server !== null && isOnHub(panel()),
    execute: async () => {
      const address = await server?.execute('modelLoupe.openOnHub', panel().current);
      if (typeof address === 'string') {
        window.open(address, '_blank', 'noopener');
      }
    },
  });
  commands.addCommand(CommandIDs.download, {
    label: t('Download Model'),
    caption: t('Download the files that the code loads'),
    isVisible: () => server !== null && isOnHub(panel()),
    execute: () => server?.execute('modelLoupe.download', panel().current),
  });
  commands.addCommand(CommandIDs.restartServer, {
    label: t('Restart the Language Server'),
    caption: t('Restart Model Loupe’s language server'),
    isEnabled: () => server !== null,
    execute: () => server?.restart(),
  });
  commands.addKeyBinding({ command: CommandIDs.copy, keys: ['Accel C'], selector: TREE_SELECTOR });
  for (const selector of PRINTABLE_ROWS) {
    app.contextMenu.addItem({ command: CommandIDs.print, selector, rank: 0 });
    app.contextMenu.addItem({ command: CommandIDs.previewCasts, selector, rank: 0 });
  }
  const vocabulary = `${ROW_SELECTOR}[data-context='${VOCABULARY}']`;
  app.contextMenu.addItem({ command: CommandIDs.searchVocabulary, selector: vocabulary, rank: 0 });
  app.contextMenu.addItem({ command: CommandIDs.copyName, selector: ROW_SELECTOR, rank: 1 });
  app.contextMenu.addItem({ command: CommandIDs.copy, selector: ROW_SELECTOR, rank: 1 });
  app.contextMenu.addItem({ command: CommandIDs.openOnHub, selector: MODEL_ROW, rank: 2 });
  app.contextMenu.addItem({ command: CommandIDs.download, selector: MODEL_ROW, rank: 3 });
  app.contextMenu.addItem({ command: CommandIDs.refresh, selector: TREE_SELECTOR, rank: 4 });
}

/** Whether the keyboard is at a model that has a page on the Hub. */
function isOnHub({ currentModel }: ModelsPanel): boolean {
  return currentModel?.kind === 'hub';
}

export function addToPalette(palette: ICommandPalette): void {
  const { open, print, previewCasts, refresh, restartServer } = CommandIDs;
  for (const command of [open, print, previewCasts, refresh, restartServer]) {
    palette.addItem({ command, category: CATEGORY });
  }
}

/** Adds the command that opens the menu of quick fixes, where code is written. */
export function addFixCommand(app: JupyterFrontEnd, palette: ICommandPalette | null, actions: CodeActions): void {
  app.commands.addCommand(CommandIDs.fix, {
    label: t('Fix or Change Model Code…'),
    caption: t('What can be done about the model that is named at the cursor'),
    execute: () => orTell(() => actions.open()),
  });
  app.commands.addKeyBinding({ command: CommandIDs.fix, keys: ['Accel .'], selector: EDITOR_SELECTOR });
  app.contextMenu.addItem({ command: CommandIDs.fix, selector: EDITOR_SELECTOR, rank: 100 });
  palette?.addItem({ command: CommandIDs.fix, category: CATEGORY });
}

/** Adds the command by which the keyboard gets to the lenses: in code, Tab indents. */
export function addLensCommand(app: JupyterFrontEnd, palette: ICommandPalette | null, lenses: CodeLenses): void {
  app.commands.addCommand(CommandIDs.focusLens, {
    label: t('Go to the Line Above the Call'),
    caption: t('What a model’s loading call offers; the arrows go on, Escape goes back'),
    isEnabled: () => lenses.areThere,
    // After the palette has given the focus back to where it was.
    execute: () => void requestAnimationFrame(() => lenses.focus()),
  });
  palette?.addItem({ command: CommandIDs.focusLens, category: CATEGORY });
}
