/** The part of the Python extension's API that is used here. */
import * as vscode from 'vscode';

const ID = 'ms-python.python';

interface EnvironmentPath {
  readonly id: string;
  readonly path: string;
}

interface Environments {
  getActiveEnvironmentPath(resource?: vscode.Uri): EnvironmentPath;
  resolveEnvironment(
    environment: EnvironmentPath
  ): Promise<{ readonly executable: { readonly uri: vscode.Uri | undefined } } | undefined>;
  readonly onDidChangeActiveEnvironmentPath: vscode.Event<unknown>;
}

export interface PythonExtension {
  readonly ready?: Promise<void>;
  readonly environments?: Environments;
}

/** Whether the Python extension is installed and enabled. */
export function hasPythonExtension(): boolean {
  return vscode.extensions.getExtension(ID) !== undefined;
}

/** The Python extension's API once it is ready; undefined without that extension. */
export async function pythonExtension(): Promise<PythonExtension | undefined> {
  const extension = vscode.extensions.getExtension<PythonExtension>(ID);
  const api = await extension?.activate();
  await api?.ready;
  return api;
}
