/** Tells the user, once, what keeps the server from running, and offers what helps. */
import * as vscode from 'vscode';

import type { LanguageServer } from './server';
import { problem, type ServerState } from './state';

const INSTALL = { title: 'Install', command: 'modelLoupe.installServer' };
const CHOOSE = { title: 'Choose Interpreter', command: 'modelLoupe.chooseInterpreter' };
const RESTART = { title: 'Restart', command: 'modelLoupe.restartServer' };
const LOG = { title: 'Show Log', command: 'modelLoupe.showLog' };

function remedies(state: ServerState): readonly { title: string; command: string }[] {
  switch (state.kind) {
    case 'no-server':
      return [INSTALL, CHOOSE, LOG];
    case 'failed':
      return [RESTART, LOG];
    default:
      return [CHOOSE, LOG];
  }
}

/** Shows a notification for each new problem of the server. */
export function reportProblems(server: LanguageServer): vscode.Disposable {
  let told: string | undefined;
  const tell = async (state: ServerState): Promise<void> => {
    const message = problem(state);
    if (message === told || state.kind === 'starting') {
      return; // said already, or nothing is known yet
    }
    told = message;
    if (message !== undefined) {
      const remedy = await vscode.window.showWarningMessage(`Model Loupe: ${message}`, ...remedies(state));
      if (remedy) {
        await vscode.commands.executeCommand(remedy.command);
      }
    }
  };
  return server.onDidChangeState((state) => void tell(state));
}
