import { parseArgs } from 'node:util';
import { ignoredFlags } from './ignored-flags.ts';
import { integerValue, toggleValue, wordsValue, type Given, type Reading } from './given.ts';
import { settings, type Setting } from './settings.ts';
import { hint } from './suggest.ts';

export interface ArgumentsReading extends Reading {
  readonly configFile: string | undefined;
  readonly help: boolean;
}

const byFlag = new Map<string, Setting>();
for (const setting of settings) {
  byFlag.set(setting.flag, setting);
  for (const alias of setting.aliases ?? []) byFlag.set(alias, setting);
}

/** Reads the flags of a command that takes the server's options. Positional arguments are model repositories. */
export function readArguments(args: readonly string[]): ArgumentsReading {
  const { tokens } = parseArgs({
    args: normalize(args),
    options: {
      ...Object.fromEntries([...byFlag.keys()].map((flag) => [flag, { type: 'string' as const }])),
      ...Object.fromEntries([...ignoredFlags].map((flag) => [flag, { type: 'string' as const }])),
      config: { type: 'string', short: 'c' },
      help: { type: 'boolean', short: 'h' },
    },
    strict: false,
    tokens: true,
  });
  const collected = new Map<string, { value: unknown; origin: string }>();
  const problems: string[] = [];
  const ignored = new Set<string>();
  let configFile: string | undefined;
  let help = false;
  const take = (setting: Setting, value: unknown, origin: string): void => {
    if (setting.kind !== 'list') {
      collected.set(setting.path, { value, origin });
      return;
    }
    const earlier = collected.get(setting.path)?.value;
    const items = setting.commaSeparated === true ? wordsValue(String(value)) : [value];
    collected.set(setting.path, { value: [...(Array.isArray(earlier) ? earlier : []), ...items], origin });
  };
  for (const token of tokens) {
    if (token.kind === 'positional') {
      const repositories = byFlag.get('model-repository');
      if (repositories !== undefined) take(repositories, token.value, 'argument');
    } else if (token.kind === 'option') {
      const setting = byFlag.get(token.name);
      if (token.name === 'help') help = true;
      else if (token.name === 'config' && token.value !== undefined) configFile = token.value;
      else if (token.name === 'config') problems.push(`${token.rawName} needs a value: a file`);
      else if (ignoredFlags.has(token.name)) ignored.add(token.rawName);
      else if (setting === undefined) problems.push(unknownFlag(token.rawName));
      else if (token.value === undefined)
        problems.push(`${token.rawName} needs a value: ${setting.expected}`);
      else take(setting, valueOf(setting, token.value), token.rawName);
    }
  }
  const given: Given[] = [...collected].map(([path, { value, origin }]) => ({ path, value, origin }));
  const notices =
    ignored.size === 0 ? [] : [`accepted for compatibility, without effect here: ${[...ignored].join(', ')}`];
  return { given, problems, notices, configFile, help };
}

/** Gives every toggle a value: `--flag`, `--no-flag`, `--flag true` and `--flag=true` all end as `--flag=...`. */
function normalize(args: readonly string[]): string[] {
  const result: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const argument = args[index] ?? '';
    if (argument === '--') return [...result, ...args.slice(index)];
    const name = argument.replace(/^--(no-)?/, '');
    if (!argument.startsWith('--') || byFlag.get(name)?.kind !== 'toggle') {
      result.push(argument);
    } else if (argument.startsWith('--no-')) {
      result.push(`--${name}=false`);
    } else {
      const next = args[index + 1] ?? '';
      const worded = typeof toggleValue(next) === 'boolean';
      result.push(`--${name}=${worded ? next : 'true'}`);
      if (worded) index++;
    }
  }
  return result;
}

function valueOf(setting: Setting, text: string): unknown {
  if (setting.kind === 'toggle') return toggleValue(text);
  return setting.kind === 'number' ? integerValue(text) : text;
}

function unknownFlag(rawName: string): string {
  const flags = [...byFlag.keys(), 'config', 'help'].map((flag) => `--${flag}`);
  return `unknown flag ${rawName}${hint(rawName, flags)}`;
}
