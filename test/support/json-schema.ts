import { isDeepStrictEqual } from 'node:util';

/** Whether a value is as a schema of JSON Schema 2020-12 says; of its keywords those that our schemas use. */
export function matchesSchema(root: unknown, schema: unknown, value: unknown): boolean {
  return Object.entries(Object(schema)).every(([keyword, wanted]) => {
    const check = checks[keyword];
    if (check === undefined) throw new Error(`the keyword ${keyword} is not known`);
    return check({ root, schema, wanted, value });
  });
}

interface Asked {
  readonly root: unknown;
  readonly schema: unknown;
  readonly wanted: unknown;
  readonly value: unknown;
}

const checks: Readonly<Record<string, (asked: Asked) => boolean>> = {
  $ref: ({ root, wanted, value }) => matchesSchema(root, at(root, String(wanted)), value),
  type: ({ wanted, value }) =>
    [wanted].flat().some((name) => name === typeOf(value) || isInteger(name, value)),
  const: ({ wanted, value }) => isDeepStrictEqual(wanted, value),
  enum: ({ wanted, value }) => isList(wanted) && wanted.includes(value),
  minimum: ({ wanted, value }) => typeof value !== 'number' || value >= Number(wanted),
  maximum: ({ wanted, value }) => typeof value !== 'number' || value <= Number(wanted),
  minItems: ({ wanted, value }) => !isList(value) || value.length >= Number(wanted),
  maxItems: ({ wanted, value }) => !isList(value) || value.length <= Number(wanted),
  anyOf: ({ root, wanted, value }) => isList(wanted) && wanted.some((any) => matchesSchema(root, any, value)),
  items: ({ root, wanted, value }) =>
    !isList(value) || value.every((item) => matchesSchema(root, wanted, item)),
  prefixItems: ({ root, wanted, value }) =>
    !isList(value) ||
    !isList(wanted) ||
    wanted.every((item, index) => index >= value.length || matchesSchema(root, item, value[index])),
  properties: ({ root, wanted, value }) =>
    typeOf(value) !== 'object' ||
    Object.entries(Object(value)).every(
      ([name, field]) =>
        !Object.hasOwn(Object(wanted), name) || matchesSchema(root, Object(wanted)[name], field),
    ),
  required: ({ wanted, value }) =>
    typeOf(value) !== 'object' ||
    (isList(wanted) && wanted.every((name) => Object.hasOwn(Object(value), String(name)))),
  maxProperties: ({ wanted, value }) =>
    typeOf(value) !== 'object' || Object.keys(Object(value)).length <= Number(wanted),
  additionalProperties: ({ root, schema, wanted, value }) =>
    typeOf(value) !== 'object' ||
    Object.entries(Object(value)).every(
      ([name, field]) =>
        Object.hasOwn(Object(Object(schema).properties), name) ||
        (wanted !== false && matchesSchema(root, wanted, field)),
    ),
  pattern: ({ wanted, value }) => typeof value !== 'string' || new RegExp(String(wanted)).test(value),
  minLength: ({ wanted, value }) => typeof value !== 'string' || value.length >= Number(wanted),
  description: () => true,
  default: () => true,
  examples: () => true,
  format: () => true,
};

function at(root: unknown, pointer: string): unknown {
  let found = root;
  for (const part of pointer.slice(2).split('/')) found = Object(found)[part];
  return found;
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

function isInteger(name: unknown, value: unknown): boolean {
  return name === 'integer' && Number.isInteger(value);
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  return isList(value) ? 'array' : typeof value;
}
