/*
 * Big-endian reads and writes of the frame codec. The caller has checked the bounds: Node's own readers check them again
 * at every call, which shows on a path that costs a microsecond in all.
 */

export function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] as number;
}

export function readUint16(bytes: Uint8Array, at: number): number {
  return (byteAt(bytes, at) << 8) | byteAt(bytes, at + 1);
}

export function readUint24(bytes: Uint8Array, at: number): number {
  return (byteAt(bytes, at) << 16) | (byteAt(bytes, at + 1) << 8) | byteAt(bytes, at + 2);
}

/** A 32-bit field whose highest bit is reserved: stream ids and window increments. */
export function readUint31(bytes: Uint8Array, at: number): number {
  return ((byteAt(bytes, at) & 127) << 24) | readUint24(bytes, at + 1);
}

export function readUint32(bytes: Uint8Array, at: number): number {
  return byteAt(bytes, at) * 0x100_0000 + readUint24(bytes, at + 1);
}

export function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** Below this a loop is faster than the call that `set` costs. */
const loopBytes = 48;

export function copyInto(target: Uint8Array, at: number, source: Uint8Array): void {
  const length = source.length;
  if (length > loopBytes) {
    target.set(source, at);
    return;
  }
  for (let index = 0; index < length; index++) target[at + index] = byteAt(source, index);
}
