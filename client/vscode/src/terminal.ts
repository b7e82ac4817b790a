/** Runs a program in a terminal that the user sees and may answer. */
import { homedir } from 'node:os';

import * as vscode from 'vscode';

/** Resolves when `program` has ended, with its exit code; undefined where it did not end by itself. */
export async function runInTerminal(title: string, program: string, words: string[]): Promise<number | undefined> {
  // VS Code's own default is the folder of the workspace, and a window without one then runs nothing.
  const cwd = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? homedir();
  const task = new vscode.Task(
    { type: 'process' },
    vscode.TaskScope.Workspace,
    title,
    'Model Loupe',
    new vscode.ProcessExecution(program, words, { cwd })
  );
  task.presentationOptions = { reveal: vscode.TaskRevealKind.Always, focus: true, panel: vscode.TaskPanelKind.Dedicated };
  const execution = await vscode.tasks.executeTask(task);
  return new Promise((resolve) => {
    let code: number | undefined;
    const listening = vscode.Disposable.from(
      vscode.tasks.onDidEndTaskProcess((event) => {
        if (event.execution === execution) {
          code = event.exitCode;
        }
      }),
      // The last of a task, also of one whose program is not there.
      vscode.tasks.onDidEndTask((event) => {
        if (event.execution === execution) {
          listening.dispose();
          resolve(code);
        }
      })
    );
  });
}

/** The terminal in which a program was run last under this title, unless it was closed. */
export function terminalOf(title: string): vscode.Terminal | undefined {
  return vscode.window.terminals.find(({ name }) => name.endsWith(title));
}
