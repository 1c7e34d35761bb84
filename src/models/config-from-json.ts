import protobuf from 'protobufjs';
import type { ModelConfig } from './config.ts';
import {
  checkOneof,
  configError,
  emptyMessage,
  enumValue,
  findField,
  integerValue,
  Problem,
  shown,
  type Fields,
} from './config-message.ts';
import { fieldKind, modelConfigType } from './config-schema.ts';

/** Deeper than any configuration, shallow enough for the stack. */
const maxDepth = 32;
const maxTextLength = 1 << 20;

/**
 * Reads a configuration in protobuf's JSON form: names in snake_case or lowerCamelCase, integers also as text, enums also
 * as numbers, null for absent, bytes in base64.
 *
 * @throws ServingError invalid_argument that names the field and what it takes.
 */
export function configFromJson(text: string, model: string): ModelConfig {
  if (text.length > maxTextLength) throw configError(model, '', `longer than ${maxTextLength} characters`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw configError(model, '', 'is not valid JSON');
  }
  return readMessage(modelConfigType(), parsed, { model, path: '', depth: 0 }) as unknown as ModelConfig;
}

interface Place {
  readonly model: string;
  readonly path: string;
  readonly depth: number;
}

function readMessage(type: protobuf.Type, given: unknown, place: Place): Fields {
  if (!isObject(given)) throw configError(place.model, place.path, `expected an object, got ${shown(given)}`);
  if (place.depth > maxDepth) throw configError(place.model, place.path, 'nested too deep');
  const message = emptyMessage(type);
  for (const [name, value] of Object.entries(given)) {
    if (value === null) continue;
    const at = below(place, place.path === '' ? name : `${place.path}.${name}`);
    const field = findField(type, name);
    if ('unknown' in field) throw configError(at.model, at.path, field.unknown);
    const problem = checkOneof(message, field);
    if (problem !== undefined) throw configError(at.model, at.path, problem);
    if (field instanceof protobuf.MapField) message[field.name] = readMap(field, value, at);
    else if (field.repeated) message[field.name] = readList(field, value, at);
    else message[field.name] = readValue(field, value, at);
  }
  return message;
}

function readList(field: protobuf.FieldBase, given: unknown, place: Place): unknown[] {
  if (!Array.isArray(given))
    throw configError(place.model, place.path, `expected a list, got ${shown(given)}`);
  return given.map((item: unknown, index) => readValue(field, item, below(place, `${place.path}[${index}]`)));
}

function readMap(field: protobuf.MapField, given: unknown, place: Place): Record<string, unknown> {
  if (!isObject(given)) throw configError(place.model, place.path, `expected an object, got ${shown(given)}`);
  const map = Object.create(null) as Record<string, unknown>;
  for (const [key, value] of Object.entries(given)) {
    map[key] = readValue(field, value, below(place, `${place.path}[${JSON.stringify(key)}]`));
  }
  return map;
}

function readValue(field: protobuf.FieldBase, given: unknown, place: Place): unknown {
  const expected = fieldKind(field);
  if (expected.kind === 'message') return readMessage(expected.type, given, place);
  const read = readScalar(field, given);
  if (read instanceof Problem) throw configError(place.model, place.path, read.text);
  return read;
}

function readScalar(field: protobuf.FieldBase, given: unknown): unknown {
  const expected = fieldKind(field);
  switch (expected.kind) {
    case 'text':
      return typeof given === 'string' ? given : new Problem(`expected text, got ${shown(given)}`);
    case 'bytes':
      return typeof given === 'string'
        ? Buffer.from(given, 'base64')
        : new Problem(`expected base64, got ${shown(given)}`);
    case 'bool':
      return typeof given === 'boolean' ? given : new Problem(`expected true or false, got ${shown(given)}`);
    case 'integer':
      return integerValue(field, given);
    case 'float':
      return floatOf(given) ?? new Problem(`expected a number, got ${shown(given)}`);
    case 'message':
      throw new Error('bug: a message is no scalar');
    case 'enum':
      break;
  }
  return enumValue(expected.values, given);
}

function floatOf(given: unknown): number | undefined {
  if (typeof given === 'number') return given;
  if (typeof given !== 'string' || given.trim() === '') return undefined;
  const value = Number(given);
  return Number.isNaN(value) && given !== 'NaN' ? undefined : value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function below(place: Place, path: string): Place {
  return { model: place.model, path, depth: place.depth + 1 };
}
