/** Which Python the user's code runs with, and which one runs the server. */
import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';

import * as vscode from 'vscode';

import { probe } from './python';
import { pythonExtension } from './pythonExtension';

/** An interpreter, and who named it. */
export interface Interpreter {
  readonly path: string;
  readonly source: 'setting' | 'python-extension' | 'path';
}

/** The user's interpreter: the setting's, else the Python extension's, else the first on the PATH. */
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

/** A Python on the PATH that can run the server, for users whose own is too old for it. */
export async function serverPython(): Promise<string | undefined> {
  for (const candidate of await pythonsOnPath(['3.14', '3.13', '3.12', '3.11', '3', ''])) {
    if ((await probe(candidate)).kind === 'found') {
      return candidate;
    }
  }
  return undefined;
}

async function pythonOnPath(): Promise<string | undefined> {
  return (await pythonsOnPath(process.platform === 'win32' ? ['', '3'] : ['3', '']))[0];
}

/** The files on the PATH that are called `python` with one of these endings, in the endings' order. */
async function pythonsOnPath(endings: readonly string[]): Promise<string[]> {
  const suffix = process.platform === 'win32' ? '.exe' : '';
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  const found: string[] = [];
  for (const ending of endings) {
    for (const folder of folders) {
      const candidate = join(folder, `python${ending}${suffix}`);
      if (await isFile(candidate)) {
        found.push(candidate);
      }
    }
  }
  return found;
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
