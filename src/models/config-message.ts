import type protobuf from 'protobufjs';
import { ServingError } from '../errors.ts';
import { fieldKind, integerBounds } from './config-schema.ts';

/** A message under construction: every field of its type, in the type's order. */
export type Fields = Record<string, unknown>;

/** Something in a configuration is not as it must be. `path` is the field, for example `input[0].dims`. */
export function configError(model: string, path: string, problem: string): ServingError {
  const where = path === '' ? '' : `${path}: `;
  return new ServingError(
    'invalid_argument',
    `configuration of model '${model}': ${where}${problem}`.slice(0, 1000),
    {
      reason: 'MODEL_CONFIG',
    },
  );
}

/** All fields of a message with proto3's defaults; absent messages and members of oneofs are left out. */
export function emptyMessage(type: protobuf.Type): Fields {
  const message: Fields = {};
  for (const field of type.fieldsArray) {
    if (field.map) message[field.name] = Object.create(null);
    else if (field.repeated) message[field.name] = [];
    else if (field.partOf === null) {
      const initial = initialValue(field);
      if (initial !== undefined) message[field.name] = initial;
    }
  }
  return message;
}

function initialValue(field: protobuf.FieldBase): unknown {
  const expected = fieldKind(field);
  switch (expected.kind) {
    case 'text':
      return '';
    case 'bool':
      return false;
    case 'bytes':
      return Buffer.alloc(0);
    case 'enum':
      return enumName(expected.values, 0);
    case 'integer':
    case 'float':
      return 0;
    case 'message':
      break;
  }
  return undefined;
}

function enumName(values: Readonly<Record<string, number>>, number: number): string | undefined {
  return Object.keys(values).find((name) => values[name] === number);
}

/** Finds a field by its own or its lowerCamelCase name, or says which known name is nearest. */
export function findField(type: protobuf.Type, name: string): protobuf.Field | { readonly unknown: string } {
  const field = Object.hasOwn(type.fields, name) ? type.fields[name] : undefined;
  if (field !== undefined) return field;
  const snake = name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const camel = Object.hasOwn(type.fields, snake) ? type.fields[snake] : undefined;
  if (camel !== undefined) return camel;
  return { unknown: `unknown field; ${type.name} has ${Object.keys(type.fields).join(', ')}` };
}

/** Checks that no other member of the field's oneof has been given. */
export function checkOneof(message: Fields, field: protobuf.Field): string | undefined {
  const other = field.partOf?.oneof.find((name) => name !== field.name && message[name] !== undefined);
  return other === undefined ? undefined : `cannot stand beside ${other}`;
}

/** A problem with a value, instead of the value. */
export class Problem {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** An integer within the field's type, from a number or its decimal, hexadecimal or octal text. */
export function integerValue(field: protobuf.FieldBase, given: unknown): number | Problem {
  const [least, most] = integerBounds(field.type);
  const value = typeof given === 'string' ? integerText(given) : given;
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    return new Problem(`expected an integer, got ${shown(given)}`);
  }
  if (value < least || value > most) return new Problem(`${value} is outside ${least} to ${most}`);
  return value;
}

function integerText(text: string): number | undefined {
  if (!/^[-+]?(?:0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*)$/.test(text)) return undefined;
  const digits = text.replace(/^[-+]/, '');
  const octal = /^0[0-7]+$/.test(digits);
  const size = octal ? Number.parseInt(digits, 8) : Number(digits);
  return text.startsWith('-') ? -size : size;
}

export function enumValue(values: Readonly<Record<string, number>>, given: unknown): string | Problem {
  if (typeof given === 'string' && Object.hasOwn(values, given)) return given;
  const name = typeof given === 'number' ? enumName(values, given) : undefined;
  return name ?? new Problem(`expected one of ${Object.keys(values).join(', ')}, got ${shown(given)}`);
}

export function shown(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch {
    // Node 24 has no stack for what is nested some ten thousand deep.
    return 'what is nested too deep';
  }
  return (text ?? String(value)).slice(0, 60);
}
