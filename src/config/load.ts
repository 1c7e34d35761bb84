import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { ServingError } from '../errors.ts';
import { checkTogether } from './check.ts';
import { noticesOf } from './notices.ts';
import { detect, type Surroundings } from './detect.ts';
import type { Given, Reading } from './given.ts';
import { optionsSchema, type Options, type PartialOptions } from './options.ts';
import { readArguments } from './read-arguments.ts';
import { configFileVariable, readEnvironment } from './read-environment.ts';
import { flatten, readConfigFile } from './read-file.ts';
import { readPlatform } from './read-platform.ts';
import { settings } from './settings.ts';
import { hint } from './suggest.ts';

/** The options in force, where each comes from, and what is worth saying about them. */
export interface Effective {
  readonly kind: 'effective';
  readonly options: Options;
  /** Path of a setting to `default`, `detected`, a flag, a variable, or a file and line. */
  readonly origins: ReadonlyMap<string, string>;
  readonly notices: readonly string[];
  /** The file that was read; undefined when none was named. */
  readonly file: string | undefined;
}

/** Everything that is wrong, all at once. */
export interface Refused {
  readonly kind: 'refused';
  readonly problems: readonly string[];
}

export interface LoadSources {
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
}

const machine: Surroundings = {
  exists: existsSync,
  constrainedMemoryBytes: () => process.constrainedMemory(),
  cores: availableParallelism,
};

/** Flags win over the environment, the environment over the file, the file over the defaults. */
export function loadOptions(sources: LoadSources, surroundings: Surroundings = machine): Effective | Refused {
  const flags = readArguments(sources.args);
  const environment = readEnvironment(sources.environment);
  const named = flags.configFile ?? sources.environment[configFileVariable];
  const file = named === '' ? undefined : named;
  const readings: Reading[] = [environment, flags];
  if (file !== undefined) readings.unshift(readConfigFile(file));
  const combined = combine(readings, surroundings, sources.environment);
  return combined.kind === 'refused' ? combined : { ...combined, file };
}

/**
 * Completes and checks what an embedder gives.
 *
 * @throws ServingError invalid_argument that names every wrong field.
 */
export function resolveOptions(
  partial: PartialOptions | Options,
  surroundings: Surroundings = machine,
): Options {
  const result = combine([flatten(partial, () => 'options')], surroundings, process.env);
  if (result.kind === 'refused') throw new ServingError('invalid_argument', result.problems.join('; '));
  return result.options;
}

/** Later readings win over earlier ones; every value is checked, also one that loses. */
function combine(
  given: readonly Reading[],
  surroundings: Surroundings,
  environment: LoadSources['environment'],
): Effective | Refused {
  const platform = readPlatform(
    given.flatMap((reading) => reading.given),
    environment,
    (path) => surroundings.exists(path),
  );
  const readings = [platform, ...given];
  const problems = readings.flatMap((reading) => reading.problems);
  const wrongValues: string[] = [];
  const winners = new Map<string, Given>();
  for (const given of readings.flatMap((reading) => reading.given)) {
    const problem = checkValue(given);
    if (problem === undefined) winners.set(given.path, given);
    else wrongValues.push(problem);
  }
  const detected = detect(winners, surroundings);
  for (const given of detected) winners.set(given.path, given);
  const options = assemble(winners);
  // Where a single value is wrong, what it means for the others is not known yet.
  problems.push(
    ...(wrongValues.length > 0 ? wrongValues : checkTogether(options, winners, surroundings.cores())),
  );
  if (problems.length > 0) return { kind: 'refused', problems };
  return {
    kind: 'effective',
    options,
    origins: new Map(settings.map(({ path }) => [path, winners.get(path)?.origin ?? 'default'])),
    file: undefined,
    notices: [...readings.flatMap((reading) => reading.notices), ...noticesOf(options)],
  };
}

function checkValue({ path, value, origin }: Given): string | undefined {
  const setting = settings.find((candidate) => candidate.path === path);
  if (setting === undefined || setting.schema.safeParse(value).success) return undefined;
  const words = setting.kind === 'choice' ? setting.value.split('|') : [];
  const nearest = typeof value === 'string' ? hint(value, words) : '';
  return `${path} must be ${setting.expected}, got ${show(value)}${nearest} (${origin})`;
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 100 ? `${text.slice(0, 100)}...` : text;
}

/** Nests the values again and lets the schema fill in the defaults. */
function assemble(winners: ReadonlyMap<string, Given>): Options {
  const root: Record<string, unknown> = {};
  const parts = new Map([['', root]]);
  const partOf = (path: string): Record<string, unknown> => {
    const existing = parts.get(path);
    if (existing !== undefined) return existing;
    const made: Record<string, unknown> = {};
    parts.set(path, made);
    const [parent, key] = splitPath(path);
    partOf(parent)[key] = made;
    return made;
  };
  for (const { path, value } of winners.values()) {
    const [part, key] = splitPath(path);
    partOf(part)[key] = value;
  }
  return optionsSchema.parse(root);
}

function splitPath(path: string): [string, string] {
  const dot = path.lastIndexOf('.');
  return dot === -1 ? ['', path] : [path.slice(0, dot), path.slice(dot + 1)];
}
