import { execFile } from 'node:child_process';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { findPython } from './tools.ts';

const execute = promisify(execFile);
const scripts = join(import.meta.dirname, '..', 'e2e', 'python');

export interface PythonOptions {
  /** Four minutes by default. */
  readonly timeoutMs?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a script of test/e2e/python to its end and returns what it printed. */
export async function runPython(
  script: string,
  args: readonly string[],
  { timeoutMs = 240_000, env = {} }: PythonOptions = {},
): Promise<string> {
  const { stdout } = await execute(findPython().path, [join(scripts, script), ...args], {
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: 64 << 20,
    env: { ...process.env, GRPC_VERBOSITY: 'NONE', PYTHONDONTWRITEBYTECODE: '1', ...env },
  });
  return stdout;
}

/** Runs a script that reports checks (see checks.py) and makes each of them a test of its own. */
export async function runChecks(
  t: TestContext,
  script: string,
  args: readonly string[],
  options?: PythonOptions,
): Promise<void> {
  const lines = (await runPython(script, args, options)).trim().split('\n');
  for (const line of lines) {
    const { name, error }: { name: string; error: string } = JSON.parse(line);
    await t.test(name, () => assert.equal(error, ''));
  }
}
