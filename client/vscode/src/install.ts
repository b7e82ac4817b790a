/** Installs packages with pip, in a terminal that the user sees. */
import * as vscode from 'vscode';

import { runInTerminal, terminalOf } from './terminal';

/** A quick fix; what was found missing is looked for again. */
export async function installPackages(python: string, ...packages: string[]): Promise<void> {
  const names = packages.join(' ');
  const title = vscode.l10n.t('Install {0}', names);
  const code = await runInTerminal(title, python, ['-m', 'pip', 'install', ...packages]);
  if (code === 0) {
    await vscode.commands.executeCommand('modelLoupe.askAgain');
  } else if (code !== undefined) {
    await tellFailure(names, title, code);
  }
}

/** Why is what pip wrote last, in its terminal. */
async function tellFailure(names: string, title: string, code: number): Promise<void> {
  const message = vscode.l10n.t('Model Loupe: pip did not install {0} (exit code {1}). What it wrote last says why.', names, code);
  const show = vscode.l10n.t('Show Terminal');
  if ((await vscode.window.showErrorMessage(message, show)) === show) {
    terminalOf(title)?.show();
  }
}
