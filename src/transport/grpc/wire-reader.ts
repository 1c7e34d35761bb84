import { isUtf8 } from 'node:buffer';
import { ServingError } from '../../errors.ts';

/** Wire types of the protobuf encoding. */
export const wireType = { varint: 0, fixed64: 1, bytes: 2, startGroup: 3, endGroup: 4, fixed32: 5 } as const;

/** Groups may nest this deep in unknown fields before the message is refused; protobuf's own default. */
const maxGroupDepth = 100;

/** The refusal of bytes that are no message; the reason tells it from a well-formed message that makes no sense. */
export function malformed(): ServingError {
  return new ServingError('invalid_argument', 'request is not a valid protobuf message', {
    reason: 'MALFORMED_MESSAGE',
  });
}

/**
 * Reads protobuf's encoding in place. `end` is where the current message stops; reading past it throws
 * invalid_argument. Nested messages are read by narrowing `end` and putting it back.
 */
export class WireReader {
  readonly bytes: Buffer;
  position: number;
  end: number;

  constructor(bytes: Buffer, position = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.position = position;
    this.end = end;
  }

  /** A field's tag: `field * 8 + wire type`. */
  tag(): number {
    const tag = this.#varint32Strict();
    if (tag < 8 || (tag & 7) > 5) throw malformed();
    return tag;
  }

  /** A length that fits into what is left of the message. */
  size(): number {
    const size = this.#varint32Strict();
    if (size > this.end - this.position) throw malformed();
    return size;
  }

  /** Like `tag` and `size` are encoded: more than 32 bits is an error, not a truncation. */
  #varint32Strict(): number {
    const first = this.bytes[this.position];
    if (first !== undefined && first < 0x80 && this.position < this.end) {
      this.position++;
      return first;
    }
    const value = this.uint64();
    if (typeof value === 'bigint' || value > 0xffff_ffff) throw malformed();
    return value;
  }

  /** The low and high 32 bits of a varint of up to ten bytes, low first, as unsigned numbers, into `target`. */
  varintParts(target: Uint32Array): void {
    const { bytes, end } = this;
    let position = this.position;
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (position >= end) throw malformed();
      const byte = bytes[position++] ?? 0;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high |= bits >>> 4;
      } else if (shift < 63) high |= bits << (shift - 32);
      else high |= (bits & 1) << 31;
      if (byte < 0x80) {
        this.position = position;
        target[0] = low;
        target[1] = high;
        return;
      }
    }
    throw malformed();
  }

  /** bigint only outside the safe integers. */
  int64(): number | bigint {
    const first = this.bytes[this.position];
    if (first !== undefined && first < 0x80 && this.position < this.end) {
      this.position++;
      return first;
    }
    this.varintParts(parts);
    const low = parts[0] ?? 0;
    const high = (parts[1] ?? 0) | 0;
    const value = high * 0x1_0000_0000 + low;
    return Number.isSafeInteger(value) ? value : (BigInt(high) << 32n) + BigInt(low);
  }

  /** bigint only outside the safe integers. */
  uint64(): number | bigint {
    this.varintParts(parts);
    const low = parts[0] ?? 0;
    const high = parts[1] ?? 0;
    const value = high * 0x1_0000_0000 + low;
    return Number.isSafeInteger(value) ? value : (BigInt(high) << 32n) + BigInt(low);
  }

  bool(): boolean {
    this.varintParts(parts);
    return parts[0] !== 0 || parts[1] !== 0;
  }

  double(): number {
    if (this.end - this.position < 8) throw malformed();
    const value = this.bytes.readDoubleLE(this.position);
    this.position += 8;
    return value;
  }

  /** A view of a length-delimited field. */
  view(): Buffer {
    const size = this.size();
    const start = this.position;
    this.position += size;
    return this.bytes.subarray(start, this.position);
  }

  /** @throws invalid_argument for what is not UTF-8, as proto3 demands of strings. */
  string(): string {
    const size = this.size();
    const start = this.position;
    const end = start + size;
    this.position = end;
    for (let index = start; index < end; index++) {
      if ((this.bytes[index] ?? 0) < 0x80) continue;
      if (!isUtf8(this.bytes.subarray(start, end))) throw malformed();
      return this.bytes.toString('utf8', start, end);
    }
    return this.bytes.toString('latin1', start, end);
  }

  /** Steps into a length-delimited message and returns the `end` to put back with `leave`. */
  enter(): number {
    const size = this.size();
    const outer = this.end;
    this.end = this.position + size;
    return outer;
  }

  leave(outer: number): void {
    this.end = outer;
  }

  /** Passes over the value of a field that nobody here knows. */
  skip(tag: number): void {
    if ((tag & 7) === wireType.startGroup) this.#skipGroup(tag);
    else this.#skipValue(tag);
  }

  #skipValue(tag: number): void {
    switch (tag & 7) {
      case wireType.varint:
        this.varintParts(parts);
        return;
      case wireType.fixed64:
        this.#advance(8);
        return;
      case wireType.bytes:
        this.#advance(this.size());
        return;
      case wireType.fixed32:
        this.#advance(4);
        return;
      default:
        throw malformed();
    }
  }

  /** Without recursion: the open groups are a list, bounded. */
  #skipGroup(tag: number): void {
    const open = [tag >>> 3];
    while (open.length > 0) {
      const inner = this.tag();
      if ((inner & 7) === wireType.startGroup) {
        if (open.length >= maxGroupDepth) throw malformed();
        open.push(inner >>> 3);
      } else if ((inner & 7) === wireType.endGroup) {
        if (open.pop() !== inner >>> 3) throw malformed();
      } else this.#skipValue(inner);
    }
  }

  #advance(sizeBytes: number): void {
    if (sizeBytes > this.end - this.position) throw malformed();
    this.position += sizeBytes;
  }
}

/** Shorter ones are copied by a loop, which beats the call into native code. */
const loopedBytes = 48;

/** Writes the length-delimited field at the reader as an element of a BYTES tensor. @returns the position behind it. */
export function copyText(reader: WireReader, target: Buffer, position: number): number {
  const { bytes } = reader;
  const size = reader.size();
  const start = reader.position;
  const end = start + size;
  reader.position = end;
  const at = target.writeUInt32LE(size, position);
  if (size > loopedBytes) return at + bytes.copy(target, at, start, end);
  for (let index = 0; index < size; index++) target[at + index] = bytes[start + index] ?? 0;
  return at + size;
}

/** Scratch of the two halves of a varint; used and read within one call. */
const parts = new Uint32Array(2);
