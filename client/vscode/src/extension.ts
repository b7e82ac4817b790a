/** The VS Code extension's entry: makes the parts and connects them. */
import type { CodePlace, TreeNode } from '@model-loupe/core';
import * as vscode from 'vscode';

import { CastPreviews } from './casts';
import { chooseInterpreter } from './choose';
import { Comparisons } from './compare';
import { installPackages } from './install';
import { logIn } from './login';
import { showMenu } from './menu';
import { ModelPages } from './modelPages';
import { PrintedModels } from './print';
import { reportProblems } from './problems';
import { pythonExtension } from './pythonExtension';
import { LanguageServer } from './server';
import { StatusItem, statusText } from './status';
import { ModelsView } from './tree';
import { treeCommands } from './treeCommands';
import { writeCast } from './writeCast';

export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel('Model Loupe', { log: true });
  const server = new LanguageServer(context.asAbsolutePath('dist/server'), log);
  const view = new ModelsView(server, log);
  const printed = new PrintedModels(server);
  const comparisons = new Comparisons(server);
  const pages = new ModelPages(server, context.extensionUri);
  const casts = new CastPreviews(server, view, context.extensionUri);
  context.subscriptions.push(
    log,
    server,
    view,
    printed,
    comparisons,
    pages,
    casts,
    new StatusItem(server),
    reportProblems(server),
    ...serverCommands(server, log),
    ...Object.entries(treeCommands({ server, view, printed, comparisons, pages })).map(([name, act]) => command(name, act)),
    command('showMore', (more: TreeNode) => view.showMore(more)),
    command('showArchitecture', async (model: string, architecture?: string) => {
      if (!(await view.showArchitecture(model, architecture))) {
        void vscode.window.showInformationMessage(vscode.l10n.t('Model Loupe: the code no longer names this model.'));
      }
    }),
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
    command('installPackages', installPackages),
    command('showMenu', () => showMenu(server)),
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
