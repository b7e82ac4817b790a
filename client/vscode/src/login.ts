/** Logs the user in to the Hugging Face Hub, in a terminal that they see: the token passes by us. */
import * as vscode from 'vscode';

// Behind the environment's own, the huggingface_hub that the extension carries.
const SCRIPT = 'import sys; sys.path.append(sys.argv[1]); from huggingface_hub import login; login()';

/** Run huggingface_hub's own log-in under `python`; `libraries` is a folder that has that package. */
export async function logIn(python: string, libraries: string): Promise<void> {
  const task = new vscode.Task(
    { type: 'process' },
    vscode.TaskScope.Workspace,
    vscode.l10n.t('Log in to the Hugging Face Hub'),
    'Model Loupe',
    new vscode.ProcessExecution(python, ['-c', SCRIPT, libraries])
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
