/** The commands of the tree of models: of its rows and of how it is shown. */
import { chooseTwo, exportModel, rowText, type ExportFormat, type ModelNode, type TreeNode } from '@model-loupe/core';
import * as vscode from 'vscode';

import { revealInCode } from './code';
import type { Comparisons } from './compare';
import type { ModelPages } from './modelPages';
import type { PrintedModels } from './print';
import type { LanguageServer } from './server';
import type { ModelsView } from './tree';

/** What the commands act on. */
export interface Parts {
  readonly server: LanguageServer;
  readonly view: ModelsView;
  readonly printed: PrintedModels;
  readonly comparisons: Comparisons;
  readonly pages: ModelPages;
}

/** The commands by the end of their ids, behind `modelLoupe.`. */
export function treeCommands(parts: Parts): Record<string, (row?: TreeNode, rows?: TreeNode[]) => unknown> {
  const { view, printed, pages } = parts;
  const copyEach = (text: (row: TreeNode) => string) => (row?: TreeNode, rows?: TreeNode[]) =>
    copy(view.chosen(row, rows).map(text));
  const copyAs = (format: ExportFormat) => async (row?: TreeNode) => {
    const model = await modelFor(view, row, vscode.l10n.t('Copy a model'));
    if (model) {
      await copy([await exportModel(parts.server, model.id, format)]);
    }
  };
  return {
    refresh: () => view.refresh(),
    copy: copyEach(({ label }) => label),
    copyRow: copyEach(rowText),
    copyText: copyAs('text'),
    copyMarkdown: copyAs('markdown'),
    copyJson: copyAs('json'),
    compare: (row, rows) => compare(parts, view.chosen(row, rows)),
    filter: () => askForFilter(view),
    clearFilter: () => (view.filter = ''),
    sortBySize: () => (view.sort = 'size'),
    sortInOrder: () => (view.sort = 'order'),
    revealInCode: async (row) => {
      const [first] = view.chosen(row);
      const model = first && view.modelOf(first);
      if (model) {
        await revealInCode(model);
      }
    },
    searchVocabulary: async (row) => {
      const [first] = view.chosen(row);
      if (first?.contextValue === 'vocabulary') {
        await view.searchVocabulary(first);
      }
    },
    printModel: async (row) => {
      const chosen = row ? view.printable(row) : await view.chooseModel(vscode.l10n.t('What print(model) writes'));
      if (chosen) {
        await printed.show(chosen.id);
      }
    },
    showSizes: async (row) => {
      const model = await modelFor(view, row, vscode.l10n.t('Where the bytes of a model are'));
      if (model) {
        pages.showSizes(model);
      }
    },
  };
}

async function copy(texts: readonly string[]): Promise<void> {
  if (texts.length > 0) {
    await vscode.env.clipboard.writeText(texts.join('\n'));
  }
}

/** The model of a row, else one that the user picks. */
async function modelFor(view: ModelsView, row: TreeNode | undefined, title: string): Promise<ModelNode | undefined> {
  return (row && view.modelOf(row)) ?? view.chooseModel(title);
}

/** Compare the models of two rows; ask for what was not chosen. */
async function compare({ view, comparisons }: Parts, rows: readonly TreeNode[]): Promise<void> {
  const given = rows.map((row) => view.modelOf(row)).filter((model) => model !== undefined);
  const titles = [vscode.l10n.t('Compare a model …'), vscode.l10n.t('… with this one')] as const;
  const models = await chooseTwo(view, titles, given);
  if (models) {
    await comparisons.show(...models);
  }
}

async function askForFilter(view: ModelsView): Promise<void> {
  const text = await vscode.window.showInputBox({
    title: vscode.l10n.t('Filter tensors and config fields by a part of their names'),
    placeHolder: 'q_proj',
    value: view.filter,
  });
  if (text !== undefined) {
    view.filter = text.trim();
  }
}
