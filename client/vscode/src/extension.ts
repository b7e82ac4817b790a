/** The VS Code extension's entry: makes the parts and connects them. */
import { rowText, type CodePlace, type TreeNode } from '@model-loupe/core';
import * as vscode from 'vscode';

import { CastPreviews } from './casts';
import { chooseInterpreter } from './choose';
import { revealInCode } from './code';
import { logIn } from './login';
import { showMenu } from './menu';
import { PrintedModels } from './print';
import { reportProblems } from './problems';
import { pythonExtension } from './pythonExtension';
import { LanguageServer } from './server';
import { StatusItem, statusText } from './status';
import { ModelsView } from './tree';
import { writeCast } from './writeCast';

export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel('Model Loupe', { log: true });
  const server = new LanguageServer(context.asAbsolutePath('dist/server'), log);
  const view = new ModelsView(server, log);
  const printed = new PrintedModels(server);
  const casts = new CastPreviews(server, view, context.extensionUri);
  context.subscriptions.push(
    log,
    server,
    view,
    printed,
    casts,
    new StatusItem(server),
    reportProblems(server),
    ...serverCommands(server, log),
    ...treeCommands(view, printed),
    command('previewCasts', (model?: string | TreeNode, place?: CodePlace) => casts.show(model, place)),
    command('writeCast', (row?: TreeNode) => writeCast(server, view, row)),
    vscode.workspace.onDidGrantWorkspaceTrust(() => void server.restart()),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration('modelLoupe.interpreter')) {
        void server.followInterpreter();
      }
    })
  );
  // Not awaited: the Python extension may take seconds to say which interpreter is selected.
  void server.restart().then(() => followPythonExtension(context, server, log));
}

/** Restart when another interpreter is selected in the Python extension. */
async function followPythonExtension(
  context: vscode.ExtensionContext,
  server: LanguageServer,
  log: vscode.LogOutputChannel
): Promise<void> {
  try {
    const environments = (await pythonExtension())?.environments;
    if (environments) {
      const follow = () => void server.followInterpreter();
      context.subscriptions.push(environments.onDidChangeActiveEnvironmentPath(follow));
    }
  } catch (error) {
    log.warn('The Python extension does not start:', error);
  }
}

function command(name: string, action: (...words: never[]) => unknown): vscode.Disposable {
  return vscode.commands.registerCommand(`modelLoupe.${name}`, action);
}

function serverCommands(server: LanguageServer, log: vscode.LogOutputChannel): vscode.Disposable[] {
  return [
    command('restartServer', () => server.restart()),
    command('showLog', () => log.show()),
    command('chooseInterpreter', chooseInterpreter),
    command('logIn', () => logInAndAskAgain(server)),
    command('showMenu', () => showMenu(server)),
  ];
}

function treeCommands(view: ModelsView, printed: PrintedModels): vscode.Disposable[] {
  const copy = async (rows: readonly TreeNode[], text: (row: TreeNode) => string): Promise<void> => {
    if (rows.length > 0) {
      await vscode.env.clipboard.writeText(rows.map(text).join('\n'));
    }
  };
  return [
    command('refresh', () => view.refresh()),
    command('showMore', (more: TreeNode) => view.showMore(more)),
    command('copy', (row?: TreeNode, rows?: TreeNode[]) => copy(view.chosen(row, rows), ({ label }) => label)),
    command('copyRow', (row?: TreeNode, rows?: TreeNode[]) => copy(view.chosen(row, rows), rowText)),
    command('revealInCode', async (row?: TreeNode) => {
      const [first] = view.chosen(row);
      const model = first && view.modelOf(first);
      if (model) {
        await revealInCode(model);
      }
    }),
    command('searchVocabulary', async (row?: TreeNode) => {
      const [first] = view.chosen(row);
      if (first?.contextValue === 'vocabulary') {
        await view.searchVocabulary(first);
      }
    }),
    command('printModel', async (row?: TreeNode) => {
      const chosen = row ? view.printable(row) : await view.chooseModel('What print(model) writes');
      if (chosen) {
        await printed.show(chosen.id);
      }
    }),
    command('showArchitecture', async (model: string, architecture?: string) => {
      if (!(await view.showArchitecture(model, architecture))) {
        void vscode.window.showInformationMessage('Model Loupe: the code no longer names this model.');
      }
    }),
  ];
}

/** With another token the Hub may answer otherwise: what it refused is asked again. */
async function logInAndAskAgain(server: LanguageServer): Promise<void> {
  const { state } = server;
  if (state.kind !== 'ready') {
    void vscode.window.showWarningMessage(`Model Loupe: ${statusText(state)}`);
    return;
  }
  await logIn(state.runs, server.program);
  await vscode.commands.executeCommand('modelLoupe.askAgain');
}
