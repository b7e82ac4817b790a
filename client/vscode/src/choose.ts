/** Lets the user choose the interpreter whose libraries are asked. */
import * as vscode from 'vscode';

import { workspaceInterpreters } from './interpreter';
import { hasPythonExtension } from './pythonExtension';

interface Choice extends vscode.QuickPickItem {
  choose(): Promise<unknown>;
}

/** Ask which interpreter to use, and write the answer to the settings. */
export async function chooseInterpreter(): Promise<void> {
  const choices: Choice[] = (await workspaceInterpreters()).map((path) => ({
    label: vscode.workspace.asRelativePath(path),
    description: vscode.l10n.t('virtual environment of this workspace'),
    choose: () => useInterpreter(path),
  }));
  if (hasPythonExtension()) {
    choices.push({
      label: `$(snake) ${vscode.l10n.t('Select in the Python extension …')}`,
      choose: async () => {
        await useInterpreter(undefined);
        await vscode.commands.executeCommand('python.setInterpreter');
      },
    });
  }
  choices.push(
    { label: `$(edit) ${vscode.l10n.t('Enter a path …')}`, choose: enterPath },
    { label: `$(folder-opened) ${vscode.l10n.t('Browse …')}`, choose: browse },
    {
      label: `$(discard) ${vscode.l10n.t('Default')}`,
      description: hasPythonExtension()
        ? vscode.l10n.t("the Python extension's choice")
        : vscode.l10n.t('the first Python on the PATH'),
      choose: () => useInterpreter(undefined),
    }
  );
  const picked = await vscode.window.showQuickPick(choices, {
    title: vscode.l10n.t('Model Loupe: Python interpreter'),
    placeHolder: vscode.l10n.t('The Python that runs your code'),
  });
  await picked?.choose();
}

async function enterPath(): Promise<void> {
  const path = await vscode.window.showInputBox({
    title: vscode.l10n.t('Model Loupe: path of the Python interpreter'),
    placeHolder: '~/project/.venv/bin/python',
    value: vscode.workspace.getConfiguration('modelLoupe').get('interpreter', ''),
    ignoreFocusOut: true,
  });
  if (path !== undefined) {
    await useInterpreter(path.trim() || undefined);
  }
}

async function browse(): Promise<void> {
  const picked = await vscode.window.showOpenDialog({
    title: vscode.l10n.t('Python interpreter'),
    openLabel: vscode.l10n.t('Use This Python'),
  });
  if (picked?.[0]) {
    await useInterpreter(picked[0].fsPath);
  }
}

/** The change of the setting is what has an effect. */
async function useInterpreter(path: string | undefined): Promise<void> {
  await vscode.workspace.getConfiguration('modelLoupe').update('interpreter', path, settingsTarget());
}

/** Where a choice is kept: with the workspace, if one is open. */
export function settingsTarget(): vscode.ConfigurationTarget {
  return vscode.workspace.workspaceFolders ? vscode.ConfigurationTarget.Workspace : vscode.ConfigurationTarget.Global;
}
