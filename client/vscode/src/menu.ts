/** The menu of the status bar item. */
import * as vscode from 'vscode';

import { settingsTarget } from './choose';
import type { LanguageServer } from './server';
import { statusText } from './status';

/** Show what the server does, and what can be done with it. */
export async function showMenu(server: LanguageServer): Promise<void> {
  const { l10n } = vscode;
  const network = vscode.workspace.getConfiguration('modelLoupe').get('network');
  const setNetwork = (value: string) => () =>
    vscode.workspace.getConfiguration('modelLoupe').update('network', value, settingsTarget());
  const run = (command: string) => () => vscode.commands.executeCommand(command);
  const actions = [
    { label: `$(list-tree) ${l10n.t('Show Models')}`, act: run('modelLoupe.models.focus') },
    { label: `$(debug-restart) ${l10n.t('Restart Language Server')}`, act: run('modelLoupe.restartServer') },
    { label: `$(settings-gear) ${l10n.t('Choose Interpreter')}`, act: run('modelLoupe.chooseInterpreter') },
    network === 'offline'
      ? { label: `$(globe) ${l10n.t('Go Online')}`, act: setNetwork('on') }
      : { label: `$(debug-disconnect) ${l10n.t('Go Offline')}`, act: setNetwork('offline') },
    { label: `$(output) ${l10n.t('Show Log')}`, act: run('modelLoupe.showLog') },
  ];
  const picked = await vscode.window.showQuickPick(actions, { title: statusText(server.state) });
  await picked?.act();
}
