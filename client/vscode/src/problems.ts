/** Tells the user, once, what keeps the server from running, and offers what helps. */
import * as vscode from 'vscode';

import type { LanguageServer } from './server';
import { problem, type ServerState } from './state';

const CHOOSE = { title: vscode.l10n.t('Choose Interpreter'), command: 'modelLoupe.chooseInterpreter' };
const RESTART = { title: vscode.l10n.t('Restart'), command: 'modelLoupe.restartServer' };
const LOG = { title: vscode.l10n.t('Show Log'), command: 'modelLoupe.showLog' };

function remedies({ kind }: ServerState): readonly { title: string; command: string }[] {
  return kind === 'failed' ? [RESTART, LOG] : [CHOOSE, LOG];
}

// While an editor starts or an environment is switched, settings and the Python extension's choice come one
// after the other: a problem that lasts no longer than this is none.
const SETTLE_MS = 1000;

/** Shows a notification for each new problem of the server. */
export function reportProblems(server: LanguageServer): vscode.Disposable {
  let told: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  const tell = async (state: ServerState): Promise<void> => {
    const message = problem(state);
    if (message === told) {
      return;
    }
    told = message;
    if (message !== undefined) {
      const remedy = await vscode.window.showWarningMessage(`Model Loupe: ${message}`, ...remedies(state));
      if (remedy) {
        await vscode.commands.executeCommand(remedy.command);
      }
    }
  };
  const changes = server.onDidChangeState((state) => {
    clearTimeout(timer);
    if (state.kind !== 'starting') {
      timer = setTimeout(() => void tell(state), SETTLE_MS);
    }
  });
  return new vscode.Disposable(() => {
    clearTimeout(timer);
    changes.dispose();
  });
}
