// Processes in a group of their own, so that what they start ends with them.
import { spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const groups = new Set();
// Also when the test run itself is interrupted or throws.
process.on('exit', () => groups.forEach((group) => signal(group, 'SIGKILL')));
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(name, () => process.exit(1));
}

function signal(group, name) {
  try {
    process.kill(-group, name);
    return true;
  } catch {
    return false; // nobody is left
  }
}

/** Starts a program; its output goes to a file. `stop()` ends it and everything that it started. */
export function start(program, words, { log, ...options }) {
  const output = openSync(log, 'a');
  const child = spawn(program, words, { ...options, detached: true, stdio: ['ignore', output, output] });
  closeSync(output);
  const exited = new Promise((resolve) => {
    child.once('exit', resolve);
    child.once('error', resolve);
  });
  groups.add(child.pid);
  return {
    pid: child.pid,
    exited,
    async stop() {
      signal(child.pid, 'SIGTERM');
      await Promise.race([exited, sleep(5000, undefined, { ref: false })]);
      signal(child.pid, 'SIGKILL');
      await exited;
      groups.delete(child.pid);
    },
  };
}

/** Runs a program to its end; throws with its output if it fails. */
export async function run(program, words, options = {}) {
  const child = spawn(program, words, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (data) => (output += data));
  child.stderr.on('data', (data) => (output += data));
  const code = await new Promise((resolve, reject) => {
    child.once('close', resolve);
    child.once('error', reject);
  });
  if (code !== 0) {
    throw new Error(`${program} ${words.join(' ')} ended with ${code}:\n${output}`);
  }
  return output;
}

/** The processes that this one started, and those that they started, as `{ pid, command }`. */
export function descendants(ancestor) {
  const processes = new Map();
  for (const name of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      processes.set(Number(name), { pid: Number(name), parent, command });
    } catch {
      // It ended meanwhile.
    }
  }
  const isBelow = (process) => process && (process.parent === ancestor || isBelow(processes.get(process.parent)));
  return [...processes.values()].filter(isBelow);
}

/** A TCP port of the loopback interface that nobody uses. */
export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Asks until the answer is truthy. */
export async function until(question, what, seconds = 30) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await question();
    if (answer) {
      return answer;
    }
    if (Date.now() > deadline) {
      throw new Error(`${what}: not within ${seconds} s`);
    }
    await sleep(50);
  }
}
