/** Bytes of a varint that holds `value`: a non-negative safe integer, or a negative one (always 10 bytes). */
export function varintSize(value: number): number {
  if (value < 0) return 10;
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  if (value < 0x1000_0000) return 4;
  if (value < 2 ** 35) return 5;
  if (value < 2 ** 42) return 6;
  if (value < 2 ** 49) return 7;
  return 8;
}

/** Writes a safe integer as a varint and returns the position after it. */
export function writeVarint(target: Buffer, position: number, value: number): number {
  if (value < 0) return writeBigVarint(target, position, BigInt(value));
  let rest = value;
  while (rest >= 0x8000_0000) {
    target[position++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  while (rest >= 0x80) {
    target[position++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[position++] = rest;
  return position;
}

/** Writes any 64-bit integer, signed ones in two's complement. At most 10 bytes. */
export function writeBigVarint(target: Buffer, position: number, value: bigint): number {
  let rest = BigInt.asUintN(64, value);
  while (rest >= 0x80n) {
    target[position++] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  target[position++] = Number(rest);
  return position;
}

/** Strings shorter than this are copied by a loop, which beats the call into native code. */
const loopedCharacters = 24;

/** Bytes of `text` in UTF-8. Equal to its length exactly when it is ASCII. */
export function utf8Size(text: string): number {
  if (text.length > loopedCharacters) return Buffer.byteLength(text);
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) > 0x7f) return Buffer.byteLength(text);
  }
  return text.length;
}

/** Writes tag, length and `text`, whose `utf8Size` is `sizeBytes`; returns the position after it. */
export function writeString(
  target: Buffer,
  at: number,
  tag: number,
  text: string,
  sizeBytes: number,
): number {
  target[at] = tag;
  let position = writeVarint(target, at + 1, sizeBytes);
  if (sizeBytes === text.length && sizeBytes <= loopedCharacters) {
    for (let index = 0; index < sizeBytes; index++) target[position++] = text.charCodeAt(index);
    return position;
  }
  target.write(text, position, sizeBytes, 'utf8');
  return position + sizeBytes;
}

/** A whole field of a varint type. For small messages off the hot path, like all that follow. */
export function encodeVarintField(field: number, value: number | bigint): Buffer {
  const bytes = Buffer.allocUnsafe(16);
  const start = writeVarint(bytes, 0, field * 8);
  const end =
    typeof value === 'bigint' ? writeBigVarint(bytes, start, value) : writeVarint(bytes, start, value);
  return bytes.subarray(0, end);
}

export function encodeDoubleField(field: number, value: number): Buffer {
  const bytes = Buffer.allocUnsafe(16);
  const start = writeVarint(bytes, 0, field * 8 + 1);
  return bytes.subarray(0, bytes.writeDoubleLE(value, start));
}

/** A length-delimited field: bytes, or an encoded message. */
export function encodeBytesField(field: number, value: Uint8Array): Buffer {
  const head = Buffer.allocUnsafe(16);
  const start = writeVarint(head, 0, field * 8 + 2);
  return Buffer.concat([head.subarray(0, writeVarint(head, start, value.length)), value]);
}

export function encodeStringField(field: number, value: string): Buffer {
  return encodeBytesField(field, Buffer.from(value, 'utf8'));
}
