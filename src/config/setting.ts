import { z } from 'zod';

type SettingKind = 'text' | 'list' | 'number' | 'choice' | 'toggle';

/** What the flags, the environment, the help and the docs need to know of a setting besides its schema. */
export interface SettingMeta {
  readonly kind: SettingKind;
  /** Without the dashes. Triton's name where Triton has one. The environment variable is derived from it. */
  readonly flag: string;
  readonly aliases?: readonly string[];
  /** One line for help and docs: what it does, its unit, what 0 means. */
  readonly about: string;
  /** Placeholder of the value in help, for example `dir`. */
  readonly value: string;
  /** What help shows where the default is found at start. */
  readonly shownDefault?: string;
  /** Commas separate the items of a list also in a flag's value, and `none` is an empty list. */
  readonly commaSeparated?: boolean;
  /** A change takes effect when the configuration is read again; all others need a restart. */
  readonly live?: boolean;
}

interface Named {
  readonly flag: string;
  readonly aliases?: readonly string[];
  readonly about: string;
  readonly value?: string;
  readonly shownDefault?: string;
  readonly commaSeparated?: boolean;
  readonly live?: boolean;
}

/** Which schema is a setting, and its names. The walk over the options' schema reads it. */
export const settingRegistry = z.registry<SettingMeta>();

function named<Schema extends z.ZodType>(
  schema: Schema,
  kind: SettingKind,
  names: Named,
  value: string,
): Schema {
  const described = schema.describe(names.about);
  settingRegistry.add(described, { kind, value, ...names });
  return described;
}

/** A file, an address or a name; absent unless given. */
export function optionalText(names: Named): z.ZodOptional<z.ZodString> {
  return named(z.string().min(1).optional(), 'text', names, 'text');
}

export function text(initial: string, names: Named): z.ZodDefault<z.ZodString> {
  return named(z.string().min(1).default(initial), 'text', names, 'text');
}

/** May be given several times as a flag, comma-separated in the environment, and as an array in the file. */
export function list(names: Named): z.ZodDefault<z.ZodArray<z.ZodString>> {
  return named(z.array(z.string().min(1)).default([]), 'list', names, 'text');
}

/** Some of the words, in any order, each once. */
export function words<const Words extends readonly string[]>(
  initial: readonly Words[number][],
  allowed: Words,
  names: Named,
): z.ZodDefault<z.ZodArray<z.ZodEnum<{ [Word in Words[number]]: Word }>>> {
  const word: z.ZodEnum<{ [Word in Words[number]]: Word }> = z.enum(allowed);
  const list = z.array(word).refine((items) => new Set(items).size === items.length, 'names one twice');
  const shownDefault = initial.join(',');
  return named(
    z._default(list, () => [...initial]),
    'list',
    { ...names, shownDefault, commaSeparated: true },
    'text',
  );
}

/** A whole number between the bounds, both included. */
export function integer(
  initial: number,
  bounds: { readonly min: number; readonly max: number },
  names: Named,
): z.ZodDefault<z.ZodNumber> {
  return named(z.int().min(bounds.min).max(bounds.max).default(initial), 'number', names, 'n');
}

export function toggle(initial: boolean, names: Named): z.ZodDefault<z.ZodBoolean> {
  return named(z.boolean().default(initial), 'toggle', names, 'true|false');
}

export function choice<const Words extends readonly string[]>(
  initial: Words[number],
  words: Words,
  names: Named,
): z.ZodDefault<z.ZodEnum<{ [Word in Words[number]]: Word }>> {
  const schema: z.ZodEnum<{ [Word in Words[number]]: Word }> = z.enum(words);
  return named(z._default(schema, initial), 'choice', names, words.join('|'));
}
