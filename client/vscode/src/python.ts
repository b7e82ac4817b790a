/** What is asked of a Python interpreter, in one short run. */
import { messageOf } from '@model-loupe/core';
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';

/** The oldest Python that the server runs on. */
export const OLDEST_PYTHON = [3, 11] as const;

/**
 * The environment for the server and for what is asked before: as it is, but no Python file of the workspace
 * may stand in for a module of the same name (`random.py` is a common name for a script).
 */
export function pythonEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, PYTHONSAFEPATH: '1' };
}

export type Probe =
  /** It runs, and is new enough for the server. */
  | { readonly kind: 'found'; readonly python: string; readonly version: string }
  | { readonly kind: 'old-python'; readonly version: string }
  /** It does not run. */
  | { readonly kind: 'broken-python'; readonly reason: string };

const SCRIPT = `
import json, sys
print("\\n" + json.dumps({"python": sys.executable, "version": list(sys.version_info[:3])}))
`;
// Cold starts from a network drive take seconds; one that takes longer than this hangs.
const TIMEOUT_MS = 30_000;

interface Answer {
  readonly python: string;
  readonly version: [number, number, number];
}

/** Whether this interpreter can run the server. Never rejects. */
export async function probe(python: string): Promise<Probe> {
  let answer: Answer;
  try {
    answer = await ask(python);
  } catch (error) {
    return { kind: 'broken-python', reason: firstLine(error) };
  }
  const version = answer.version.join('.');
  const [major, minor] = answer.version;
  if (major < OLDEST_PYTHON[0] || (major === OLDEST_PYTHON[0] && minor < OLDEST_PYTHON[1])) {
    return { kind: 'old-python', version };
  }
  return { kind: 'found', python: answer.python, version };
}

function ask(python: string): Promise<Answer> {
  const options = { env: pythonEnvironment(), cwd: tmpdir(), timeout: TIMEOUT_MS, windowsHide: true };
  return new Promise((resolve, reject) => {
    execFile(python, ['-c', SCRIPT], options, (error, stdout, stderr) => {
      try {
        // The last line: a sitecustomize may have printed before.
        resolve(JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Answer);
      } catch {
        if (error?.killed) {
          reject(new Error(`no answer within ${TIMEOUT_MS / 1000} s`));
        } else {
          const reasons = [stderr.trim().split('\n').at(-1), error?.message];
          reject(new Error(reasons.find(Boolean) ?? 'it answers with something else than asked for'));
        }
      }
    });
  });
}

function firstLine(error: unknown): string {
  const message = messageOf(error);
  return message.split('\n')[0] ?? message;
}
