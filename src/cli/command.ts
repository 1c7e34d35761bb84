import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import { hint } from '../config/suggest.ts';
import { ServingError } from '../errors.ts';

/** What a shell sees; docs/cli.md lists them. */
export const exitCodes = {
  ok: 0,
  /** The command was understood, but failed or the answer is no. */
  failed: 1,
  /** Wrong flags, arguments or configuration. */
  usage: 2,
  /** No server answers at the address. */
  unreachable: 3,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Where a command reads and writes; the process's own, or a test's. */
export interface Terminal {
  readonly stdout: {
    write(text: string): unknown;
    readonly isTTY?: boolean;
    readonly columns?: number;
    readonly rows?: number;
  };
  readonly stderr: { write(text: string): unknown };
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface Command {
  /** Full help text. */
  help(): string;
  run(args: readonly string[], terminal: Terminal): Promise<ExitCode>;
}

export type FlagValues = Readonly<
  Record<string, string | boolean | readonly (string | boolean)[] | undefined>
>;

export interface ParsedArguments {
  readonly values: FlagValues;
  readonly positionals: readonly string[];
}

/** A mistake in how the command was called. */
export function usageError(message: string): ServingError {
  return new ServingError('invalid_argument', message, { reason: 'USAGE' });
}

/** @throws ServingError with reason USAGE for unknown flags, missing values, and more than `maxPositionals` arguments. */
export function parseCommand(
  args: readonly string[],
  options: ParseArgsOptionsConfig,
  maxPositionals: number,
): ParsedArguments {
  let parsed: ParsedArguments;
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    throw usageError(explain(error, args, Object.keys(options)));
  }
  const surplus = parsed.positionals[maxPositionals];
  if (surplus !== undefined) throw usageError(`unexpected argument ${surplus}`);
  return parsed;
}

function explain(error: unknown, args: readonly string[], names: readonly string[]): string {
  const message = error instanceof Error ? (error.message.split('. ')[0] ?? error.message) : String(error);
  const flags = names.map((name) => `--${name}`);
  const unknown = args.find((arg) => arg.startsWith('--') && !flags.includes(arg.split('=')[0] ?? arg));
  if (unknown === undefined || !message.startsWith('Unknown option')) return message;
  const name = unknown.split('=')[0] ?? unknown;
  return `unknown flag ${name}${hint(name, flags)}`;
}

/** @throws ServingError with reason USAGE, and all that the command does, for anything else. */
export function chooseAction<Action>(
  command: string,
  name: string,
  actions: Readonly<Record<string, Action>>,
): Action {
  const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
  if (action !== undefined) return action;
  const names = Object.keys(actions);
  throw usageError(`${command} needs one of ${names.join(', ')}${hint(name, names)}`);
}

/** The text of a flag given at most once. */
export function flagText(values: FlagValues, name: string): string | undefined {
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
}

/** The texts of a flag that may be repeated. */
export function flagTexts(values: FlagValues, name: string): string[] {
  const value = values[name];
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

/** A flag's whole number within bounds. @throws ServingError with reason USAGE */
export function flagInteger(
  values: FlagValues,
  name: string,
  { min, max, initial }: { readonly min: number; readonly max: number; readonly initial: number },
): number {
  const word = flagText(values, name);
  if (word === undefined) return initial;
  const value = /^\d{1,10}$/.test(word) ? Number(word) : Number.NaN;
  if (!(value >= min && value <= max)) {
    throw usageError(`--${name} must be a whole number from ${min} to ${max}, got ${JSON.stringify(word)}`);
  }
  return value;
}
