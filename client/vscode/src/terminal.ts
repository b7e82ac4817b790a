/** Runs a program in a terminal that the user sees and may answer. */
import * as vscode from 'vscode';

/** Resolves when `program` has ended, however it did. */
export async function runInTerminal(title: string, program: string, words: string[]): Promise<void> {
  const task = new vscode.Task(
    { type: 'process' },
    vscode.TaskScope.Workspace,
    title,
    'Model Loupe',
    new vscode.ProcessExecution(program, words)
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
