import type { MetadataValue } from './method.ts';
import type { HeaderField } from '../h2/header-field.ts';

/** Headers that are the transport's own and no metadata of the call. */
const reserved = new Set([
  'te',
  'content-type',
  'content-length',
  'grpc-timeout',
  'grpc-encoding',
  'grpc-accept-encoding',
]);

const isBinary = (name: string): boolean => name.endsWith('-bin');

function isMetadata(name: string): boolean {
  return name.charCodeAt(0) !== 0x3a && !reserved.has(name);
}

/** The first value of a name; of several binary values that were joined by commas, the first. */
export function findMetadata(fields: readonly HeaderField[], name: string): MetadataValue | undefined {
  if (!isMetadata(name)) return undefined;
  for (const field of fields) {
    if (field.name !== name) continue;
    if (!isBinary(name)) return field.value;
    const comma = field.value.indexOf(',');
    return Buffer.from(comma < 0 ? field.value : field.value.slice(0, comma), 'base64');
  }
  return undefined;
}

export function* listMetadata(
  fields: readonly HeaderField[],
): Generator<readonly [string, MetadataValue], void> {
  for (const { name, value } of fields) {
    if (!isMetadata(name)) continue;
    if (!isBinary(name)) {
      yield [name, value];
      continue;
    }
    for (const part of value.split(',')) yield [name, Buffer.from(part.trim(), 'base64')];
  }
}

/** A header field for a metadata value: bytes become unpadded base64, text loses what a header may not carry. */
export function encodeMetadata(name: string, value: MetadataValue): readonly [string, string] {
  if (typeof value !== 'string') return [name, Buffer.from(value).toString('base64').replace(/=+$/, '')];
  return [name, value.replace(/[^\x20-\x7e]/g, '').trim()];
}

/** Percent-encodes a status message as gRPC's HTTP/2 mapping says: all bytes but printable ASCII, and the percent sign. */
export function encodeStatusMessage(message: string): string {
  if (/^[\x20-\x24\x26-\x7e]*$/.test(message)) return message;
  let encoded = '';
  for (const byte of Buffer.from(message)) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}
