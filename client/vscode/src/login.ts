/** Logs the user in to the Hugging Face Hub, in a terminal that they see: the token passes by us. */
import * as vscode from 'vscode';

const SCRIPT = 'from huggingface_hub import login; login()';

/** Run huggingface_hub's own log-in under `python`. */
export async function logIn(python: string): Promise<void> {
  const task = new vscode.Task(
    { type: 'process' },
    vscode.TaskScope.Workspace,
    'Log in to the Hugging Face Hub',
    'Model Loupe',
    new vscode.ProcessExecution(python, ['-c', SCRIPT])
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
