import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { findProgram } from '../../support/tools.ts';

/** util-linux' program that makes a terminal; `skip` is for node:test's option. */
export const terminalMaker = findProgram('script');

const root = join(import.meta.dirname, '..', '..', '..');

/** The command line in a terminal of 80 columns and 24 rows. Disposing it ends the program. */
export interface PseudoTerminal extends AsyncDisposable {
  press(keys: string): void;
  /** Everything that was written to it. */
  output(): string;
  /** The lines of the last frame that was drawn. */
  frame(): readonly string[];
  /** Resolves once a frame satisfies `accept`. Rejects after 20 seconds, with the last frame. */
  until(accept: (lines: readonly string[]) => boolean): Promise<readonly string[]>;
  /** Resolves with the exit code. */
  readonly ended: Promise<number | null>;
}

/** Runs `bin/tensorgate.js` in a terminal of util-linux' `script`. */
export function startInTerminal(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): PseudoTerminal {
  const words = [process.execPath, join(root, 'bin', 'tensorgate.js'), ...args].map((word) => `'${word}'`);
  const child = spawn(
    terminalMaker.path,
    ['-qefc', `stty rows 24 cols 80; exec ${words.join(' ')}`, '/dev/null'],
    {
      env: { ...process.env, TERM: 'xterm-256color', ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    },
  );
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const ended = once(child, 'close').then(([code]: (number | null)[]) => code ?? null);
  const frame = (): readonly string[] => lastFrame(output);
  return {
    press: (keys) => void child.stdin.write(keys),
    output: () => output,
    frame,
    async until(accept) {
      const signal = AbortSignal.timeout(60_000);
      while (!accept(frame())) {
        try {
          await once(child.stdout, 'data', { signal });
        } catch (error) {
          throw new Error(`the screen never showed it:\n${frame().join('\n')}`, { cause: error });
        }
      }
      return frame();
    },
    ended,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null) child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Frames begin at the upper left corner, and end by erasing what is below them. */
function lastFrame(output: string): readonly string[] {
  const end = output.lastIndexOf('\u001b[J');
  const start = output.lastIndexOf('\u001b[H', end);
  if (end < 0 || start < 0) return [];
  // oxlint-disable-next-line no-control-regex
  const text = output.slice(start, end).replaceAll(/\u001b\[[\d;?]*[A-Za-z]/g, '');
  // Terminals put a carriage return before each line feed by themselves.
  return text.split(/\r+\n/);
}
