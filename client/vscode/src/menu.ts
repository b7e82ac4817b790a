/** The menu of the status bar item. */
import * as vscode from 'vscode';

import { settingsTarget } from './choose';
import type { LanguageServer } from './server';
import { isOfflineByEnvironment, isOfflineBySetting, statusText } from './status';

interface Action extends vscode.QuickPickItem {
  act(): unknown;
}

/** Show what the server does, and what can be done with it. */
export async function showMenu(server: LanguageServer): Promise<void> {
  const { l10n } = vscode;
  const run = (command: string) => () => vscode.commands.executeCommand(command);
  const actions: Action[] = [
    { label: `$(list-tree) ${l10n.t('Show Models')}`, act: run('modelLoupe.models.focus') },
    { label: `$(debug-restart) ${l10n.t('Restart Language Server')}`, act: run('modelLoupe.restartServer') },
    { label: `$(settings-gear) ${l10n.t('Choose Interpreter')}`, act: run('modelLoupe.chooseInterpreter') },
    networkAction(),
    { label: `$(output) ${l10n.t('Show Log')}`, act: run('modelLoupe.showLog') },
  ];
  const picked = await vscode.window.showQuickPick(actions, { title: statusText(server.state) });
  await picked?.act();
}

/** To go offline or online again; where the environment decides that, only that it does. */
function networkAction(): Action {
  const { l10n } = vscode;
  const set = (value: string) => () =>
    vscode.workspace.getConfiguration('modelLoupe').update('network', value, settingsTarget());
  if (isOfflineByEnvironment()) {
    const label = `$(debug-disconnect) ${l10n.t('Offline')}`;
    const why = l10n.t('Model Loupe: HF_HUB_OFFLINE is set where VS Code was started, and no setting goes over it.');
    const act = () => vscode.window.showInformationMessage(why);
    return { label, description: l10n.t('HF_HUB_OFFLINE is set'), act };
  }
  return isOfflineBySetting()
    ? { label: `$(globe) ${l10n.t('Go Online')}`, act: set('on') }
    : { label: `$(debug-disconnect) ${l10n.t('Go Offline')}`, act: set('offline') };
}
