import { z } from 'zod';
import { optionsSchema } from './options.ts';
import { settingRegistry, type SettingMeta } from './setting.ts';

/** One leaf of the options with everything a person may want to know of it. */
export interface Setting extends SettingMeta {
  /** Where it stands in the options and in the file, for example `grpc.port`. */
  readonly path: string;
  readonly environment: string;
  readonly schema: z.ZodType;
  /** undefined when the setting is absent unless given. */
  readonly initial: unknown;
  /** What a value must be, as the end of a sentence: `a whole number from 0 to 65535`. */
  readonly expected: string;
}

/** `grpc-port` is set by `TENSORGATE_GRPC_PORT`. */
function environmentName(flag: string): string {
  return `TENSORGATE_${flag.toUpperCase().replaceAll('-', '_')}`;
}

/** All settings in the order of the schema. */
export const settings: readonly Setting[] = [...walk('', optionsSchema)];

function* walk(prefix: string, part: z.ZodObject): Generator<Setting> {
  for (const [key, schema] of Object.entries(part.shape)) {
    const path = prefix === '' ? key : `${prefix}.${key}`;
    const inner = schema instanceof z.ZodPrefault ? schema.unwrap() : schema;
    if (inner instanceof z.ZodObject) yield* walk(path, inner);
    else if (schema instanceof z.ZodType) yield describe(path, schema);
  }
}

function describe(path: string, schema: z.ZodType): Setting {
  const meta = settingRegistry.get(schema);
  if (meta === undefined) throw new Error(`bug: ${path} has no flag`);
  return {
    ...meta,
    path,
    environment: environmentName(meta.flag),
    schema,
    initial: schema.parse(undefined),
    expected: expected(schema),
  };
}

function expected(schema: z.ZodType): string {
  const inner = schema instanceof z.ZodDefault || schema instanceof z.ZodOptional ? schema.unwrap() : schema;
  if (inner instanceof z.ZodNumber) return `a whole number from ${inner.minValue} to ${inner.maxValue}`;
  if (inner instanceof z.ZodEnum) return `one of ${inner.options.join(', ')}`;
  if (inner instanceof z.ZodBoolean) return 'true or false';
  if (inner instanceof z.ZodArray && inner.element instanceof z.ZodEnum) {
    return `some of ${inner.element.options.join(', ')}, each once`;
  }
  if (inner instanceof z.ZodArray) return 'a list of non-empty texts';
  return 'a non-empty text';
}
