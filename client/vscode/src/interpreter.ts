/** Which Python interpreter runs the server. */
import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';

import * as vscode from 'vscode';

import { pythonExtension } from './pythonExtension';

/** An interpreter, and who named it. */
export interface Interpreter {
  readonly path: string;
  readonly source: 'setting' | 'python-extension' | 'path';
}

/** The interpreter to use: the setting's, else the Python extension's, else the first on the PATH. */
export async function findInterpreter(log: vscode.LogOutputChannel): Promise<Interpreter | undefined> {
  const setting = interpreterSetting('interpreter');
  if (setting) {
    return { path: setting, source: 'setting' };
  }
  const selected = await selectedInPythonExtension(log);
  if (selected) {
    return { path: selected, source: 'python-extension' };
  }
  const onPath = await pythonOnPath();
  return onPath === undefined ? undefined : { path: onPath, source: 'path' };
}

/** A setting that is the path of an interpreter, with its abbreviations written out; empty if not set. */
export function interpreterSetting(name: 'interpreter' | 'worker.interpreter'): string {
  const value = vscode.workspace.getConfiguration('modelLoupe').get<string>(name, '').trim();
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
  const expanded = value
    .replace(/^~(?=$|[\\/])/, homedir())
    .replaceAll('${userHome}', homedir())
    .replaceAll('${workspaceFolder}', folder ?? '')
    .replace(/\$\{env:([^}]+)\}/g, (_, name: string) => process.env[name] ?? '');
  // A bare name is looked up on the PATH; a relative path starts at the workspace, as people expect.
  return folder && /[\\/]/.test(expanded) && !isAbsolute(expanded) ? join(folder, expanded) : expanded;
}

async function selectedInPythonExtension(log: vscode.LogOutputChannel): Promise<string | undefined> {
  try {
    const environments = (await pythonExtension())?.environments;
    if (!environments) {
      return undefined;
    }
    const selected = environments.getActiveEnvironmentPath(vscode.workspace.workspaceFolders?.[0]?.uri);
    const environment = await environments.resolveEnvironment(selected);
    return environment?.executable.uri?.fsPath;
  } catch (error) {
    log.warn('The Python extension could not say which interpreter is selected:', error);
    return undefined;
  }
}

async function pythonOnPath(): Promise<string | undefined> {
  const names = process.platform === 'win32' ? ['python.exe', 'python3.exe'] : ['python3', 'python'];
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  for (const name of names) {
    for (const folder of folders) {
      const candidate = join(folder, name);
      if (await isFile(candidate)) {
        return candidate;
      }
    }
  }
  return undefined;
}

/** The interpreters of virtual environments in the workspace's folders, by their usual names. */
export async function workspaceInterpreters(): Promise<string[]> {
  const inside = process.platform === 'win32' ? ['Scripts', 'python.exe'] : ['bin', 'python'];
  const found: string[] = [];
  for (const folder of vscode.workspace.workspaceFolders ?? []) {
    for (const name of ['.venv', 'venv', '.env', 'env']) {
      const candidate = join(folder.uri.fsPath, name, ...inside);
      if (await isFile(candidate)) {
        found.push(candidate);
      }
    }
  }
  return found;
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
