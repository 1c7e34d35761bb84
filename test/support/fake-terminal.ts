import type { Terminal } from '../../src/cli/command.ts';

/** Keeps what a command prints. */
export class FakeTerminal implements Terminal {
  out = '';
  error = '';
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stdout = { write: (text: string) => void (this.out += text), isTTY: false };
  readonly stderr = { write: (text: string) => void (this.error += text) };

  constructor(environment: Readonly<Record<string, string | undefined>> = {}) {
    this.environment = environment;
  }
}
