/** The menu of the status bar item. */
import * as vscode from 'vscode';

import { settingsTarget } from './choose';
import type { LanguageServer } from './server';
import type { ServerState } from './state';
import { isOfflineByEnvironment, isOfflineBySetting, statusText } from './status';

interface Action extends vscode.QuickPickItem {
  act(): unknown;
}

/** Show what the server does, and what can be done with it as it is. */
export async function showMenu(server: LanguageServer): Promise<void> {
  const { state } = server;
  const picked = await vscode.window.showQuickPick(actions(state), { title: statusText(state) });
  await picked?.act();
}

/** What helps comes first; what cannot be done in this state is left out. */
function actions({ kind }: ServerState): Action[] {
  const { l10n } = vscode;
  const run = (command: string) => () => vscode.commands.executeCommand(command);
  const models = { label: `$(list-tree) ${l10n.t('Show Models')}`, act: run('modelLoupe.models.focus') };
  const restart = { label: `$(debug-restart) ${l10n.t('Restart Language Server')}`, act: run('modelLoupe.restartServer') };
  const choose = { label: `$(settings-gear) ${l10n.t('Choose Interpreter')}`, act: run('modelLoupe.chooseInterpreter') };
  const log = { label: `$(output) ${l10n.t('Show Log')}`, act: run('modelLoupe.showLog') };
  switch (kind) {
    case 'untrusted':
      return [{ label: `$(shield) ${l10n.t('Manage Workspace Trust')}`, act: run('workbench.trust.manage') }, log];
    case 'no-python':
    case 'broken-python':
    case 'old-python':
      return [choose, restart, log];
    case 'failed':
      return [restart, log, choose];
    default:
      return [models, restart, choose, networkAction(), log];
  }
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
