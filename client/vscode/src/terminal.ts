/** Runs a program in a terminal that the user sees and may answer. */
import { homedir } from 'node:os';

import * as vscode from 'vscode';

/** Resolves when `program` has ended, however it did. */
export async function runInTerminal(title: string, program: string, words: string[]): Promise<void> {
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
    const ended = vscode.tasks.onDidEndTask((event) => {
      if (event.execution === execution) {
        ended.dispose();
        resolve();
      }
    });
  });
}
