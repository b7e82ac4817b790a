/** Installs the language server's package into the user's interpreter, in a terminal that they see. */
import * as vscode from 'vscode';

const PACKAGE = 'model-loupe';

/** Run `python -m pip install model-loupe`; whether it succeeded. */
export async function installServer(python: string): Promise<boolean> {
  const task = new vscode.Task(
    { type: 'process' },
    vscode.TaskScope.Workspace,
    `Install ${PACKAGE}`,
    'Model Loupe',
    new vscode.ProcessExecution(python, ['-m', 'pip', 'install', PACKAGE])
  );
  task.presentationOptions = { reveal: vscode.TaskRevealKind.Always, panel: vscode.TaskPanelKind.Dedicated };
  const execution = await vscode.tasks.executeTask(task);
  return new Promise((resolve) => {
    const ended = vscode.tasks.onDidEndTask((event) => {
      if (event.execution === execution) {
        subscriptions.dispose();
        resolve(false); // no process, or its exit was told before and this promise is settled
      }
    });
    const exited = vscode.tasks.onDidEndTaskProcess((event) => {
      if (event.execution === execution) {
        subscriptions.dispose();
        resolve(event.exitCode === 0);
      }
    });
    const subscriptions = vscode.Disposable.from(ended, exited);
  });
}
