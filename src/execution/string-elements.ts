import { isUtf8 } from 'node:buffer';
import { ServingError } from '../errors.ts';

const lengthBytes = 4;
const replacement = '\ufffd';

/**
 * Turns the wire form of a BYTES tensor into the strings that ONNX Runtime takes.
 *
 * ONNX Runtime's strings end at a NUL, so one inside an element would silently cut it: refused, like bytes that are not UTF-8.
 *
 * @throws invalid_argument when the elements do not fill `data` exactly, or cannot be strings.
 */
export function decodeStrings(name: string, data: Uint8Array, count: number): string[] {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const strings: string[] = [];
  let offset = 0;
  for (let index = 0; index < count; index += 1) {
    const start = offset + lengthBytes;
    if (start > bytes.length) throw malformed(name);
    const end = start + bytes.readUInt32LE(offset);
    if (end > bytes.length) throw malformed(name);
    const text = bytes.toString('utf8', start, end);
    if (text.includes(replacement) && !isUtf8(bytes.subarray(start, end))) {
      throw new ServingError(
        'invalid_argument',
        `element ${index} of BYTES input '${name}' is not valid UTF-8`,
      );
    }
    if (text.includes('\0')) {
      throw new ServingError(
        'invalid_argument',
        `element ${index} of BYTES input '${name}' contains a NUL byte`,
      );
    }
    strings.push(text);
    offset = end;
  }
  if (offset !== bytes.length) throw malformed(name);
  return strings;
}

/** The wire form of strings, in a buffer of its own (not from Node's pool), so that it may be transferred. */
export function encodeStrings(strings: readonly string[]): Uint8Array {
  let sizeBytes = lengthBytes * strings.length;
  for (const text of strings) sizeBytes += Buffer.byteLength(text);
  const bytes = Buffer.from(new ArrayBuffer(sizeBytes));
  let offset = 0;
  for (const text of strings) {
    const written = bytes.write(text, offset + lengthBytes);
    bytes.writeUInt32LE(written, offset);
    offset += lengthBytes + written;
  }
  return bytes;
}

function malformed(name: string): ServingError {
  return new ServingError(
    'invalid_argument',
    `BYTES input '${name}' does not hold as many elements as its shape says`,
  );
}
