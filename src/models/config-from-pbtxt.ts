import protobuf from 'protobufjs';
import { ServingError } from '../errors.ts';
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
import { parsePbtxt, type PbtxtEntry, type PbtxtMessage, type PbtxtValue } from './pbtxt.ts';

/**
 * Reads the text of a config.pbtxt.
 *
 * @throws ServingError invalid_argument that names the line, the field and what it takes.
 */
export function configFromPbtxt(text: string, model: string): ModelConfig {
  return readMessage(modelConfigType(), parse(text, model), { model, path: '' }) as unknown as ModelConfig;
}

function parse(text: string, model: string): PbtxtMessage {
  try {
    return parsePbtxt(text);
  } catch (error) {
    throw configError(model, '', ServingError.from(error).message);
  }
}

interface Place {
  readonly model: string;
  readonly path: string;
}

function readMessage(type: protobuf.Type, entries: PbtxtMessage, { model, path }: Place): Fields {
  const message = emptyMessage(type);
  const given = new Set<string>();
  for (const entry of entries) {
    const field = findField(type, entry.name);
    const place = { model, path: path === '' ? entry.name : `${path}.${entry.name}` };
    const problem = 'unknown' in field ? field.unknown : checkOneof(message, field);
    if ('unknown' in field || problem !== undefined) throw wrong(entry, place, problem ?? '');
    if (field instanceof protobuf.MapField) readMapEntry(field, entry, place, message);
    else if (field.repeated) {
      const list = message[field.name] as unknown[];
      const item = { model, path: `${place.path}[${list.length}]` };
      list.push(readValue(field, entry, entry.value, item));
    } else if (given.has(field.name)) throw wrong(entry, place, 'given twice');
    else message[field.name] = readValue(field, entry, entry.value, place);
    given.add(field.name);
  }
  return message;
}

/** `name { key: ... value: ... }`, one for each entry. */
function readMapEntry(field: protobuf.MapField, entry: PbtxtEntry, place: Place, message: Fields): void {
  if (entry.value.kind !== 'message') throw wrong(entry, place, 'expected { key: ... value: ... }');
  const parts = new Map(entry.value.message.map((part) => [part.name, part]));
  const stranger = [...parts.keys()].find((name) => name !== 'key' && name !== 'value');
  if (stranger !== undefined) throw wrong(entry, place, `a map entry has key and value, not ${stranger}`);
  const key = parts.get('key')?.value;
  const keyText = key === undefined ? '' : scalarText(key);
  if (keyText === undefined) throw wrong(entry, place, 'a key is text or a number');
  const value = parts.get('value');
  const at = { ...place, path: `${place.path}[${JSON.stringify(keyText)}]` };
  const empty: PbtxtValue = { kind: 'message', message: [] };
  const map = message[field.name] as Record<string, unknown>;
  map[keyText] = readValue(field, value ?? entry, value?.value ?? empty, at);
}

function scalarText(value: PbtxtValue): string | undefined {
  if (value.kind === 'string') return value.bytes.toString();
  return value.kind === 'message' ? undefined : value.text;
}

function readValue(field: protobuf.FieldBase, entry: PbtxtEntry, value: PbtxtValue, place: Place): unknown {
  const expected = fieldKind(field);
  if (expected.kind === 'message') {
    if (value.kind !== 'message') throw wrong(entry, place, 'expected a message: { ... }');
    return readMessage(expected.type, value.message, place);
  }
  const read = readScalar(field, value);
  if (read instanceof Problem) throw wrong(entry, place, read.text);
  return read;
}

function readScalar(field: protobuf.FieldBase, value: PbtxtValue): unknown {
  const expected = fieldKind(field);
  switch (expected.kind) {
    case 'text':
      return value.kind === 'string'
        ? value.bytes.toString()
        : new Problem(`expected text in quotes, got ${show(value)}`);
    case 'bytes':
      return value.kind === 'string'
        ? value.bytes
        : new Problem(`expected bytes in quotes, got ${show(value)}`);
    case 'bool':
      return boolOf(value) ?? new Problem(`expected true or false, got ${show(value)}`);
    case 'integer':
      return value.kind === 'number'
        ? integerValue(field, value.text)
        : new Problem(`expected an integer, got ${show(value)}`);
    case 'float':
      return floatOf(value) ?? new Problem(`expected a number, got ${show(value)}`);
    case 'message':
      throw new Error('bug: a message is no scalar');
    case 'enum':
      break;
  }
  if (value.kind === 'number') return enumValue(expected.values, Number(value.text));
  return value.kind === 'word'
    ? enumValue(expected.values, value.text)
    : new Problem(`expected a name, got ${show(value)}`);
}

function boolOf(value: PbtxtValue): boolean | undefined {
  const text = value.kind === 'word' || value.kind === 'number' ? value.text : '';
  if (['true', 't', 'True', '1'].includes(text)) return true;
  return ['false', 'f', 'False', '0'].includes(text) ? false : undefined;
}

function floatOf(value: PbtxtValue): number | undefined {
  if (value.kind !== 'number') return undefined;
  if (/inf/i.test(value.text)) return value.text.startsWith('-') ? -Infinity : Infinity;
  return Number(value.text.replace(/(?<!^[-+]?0x.*)f$/i, ''));
}

function show(value: PbtxtValue): string {
  if (value.kind === 'message') return 'a message';
  return shown(value.kind === 'string' ? value.bytes.toString() : value.text);
}

function wrong({ at }: PbtxtEntry, { model, path }: Place, problem: string): Error {
  return configError(model, path, `${problem} (at ${at})`);
}
