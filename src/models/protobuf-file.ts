import type { FileHandle } from 'node:fs/promises';
import { ServingError } from '../errors.ts';

/** A field's number and wire type, and where its value lies. Reused: valid until the next call of `next`. */
export interface WireField {
  number: number;
  /** True for strings, bytes and messages: their content lies from `start` to `end`. */
  delimited: boolean;
  start: number;
  end: number;
}

const windowBytes = 64 * 1024;
const longestVarint = 10;
/** As deep as protobuf's own parsers go. */
export const deepestNesting = 100;

/**
 * Steps through the fields of a protobuf message in a file of any size: what is skipped is not read. Reads no further than
 * `sizeBytes`, whatever the lengths inside claim.
 */
export class ProtobufFile {
  readonly #handle: FileHandle;
  readonly #sizeBytes: number;
  readonly #window = Buffer.allocUnsafe(windowBytes);
  #windowStart = 0;
  #windowEnd = 0;
  #at = 0;
  readonly #field: WireField = { number: 0, delimited: false, start: 0, end: 0 };

  constructor(handle: FileHandle, sizeBytes: number) {
    this.#handle = handle;
    this.#sizeBytes = sizeBytes;
  }

  /** Goes to a position, to walk into a message or past it. */
  seek(position: number): void {
    this.#at = position;
  }

  /**
   * The next field of the message that ends at `end`; undefined at its end. Stands after the field's value then.
   *
   * @throws ServingError invalid_argument when the bytes are no protobuf.
   */
  async next(end: number): Promise<WireField | undefined> {
    if (this.#at >= end) return undefined;
    const tag = await this.#varint();
    const number = Math.floor(tag / 8);
    if (tag > 0xffff_ffff || number === 0) throw malformed();
    const field = this.#field;
    field.number = number;
    field.start = this.#at;
    field.delimited = tag % 8 === 2;
    await this.#skipValue(tag % 8, number, 0);
    field.end = this.#at;
    if (field.end > end) throw malformed();
    return field;
  }

  /** The bytes of a delimited field, read whole: only for those known to be small. */
  async bytes(start: number, end: number): Promise<Buffer> {
    if (start >= this.#windowStart && end <= this.#windowEnd) {
      return Buffer.from(this.#window.subarray(start - this.#windowStart, end - this.#windowStart));
    }
    const content = Buffer.alloc(end - start);
    for (let read = 0; read < content.length;) {
      const { bytesRead } = await this.#handle.read(content, read, content.length - read, start + read);
      if (bytesRead === 0) throw malformed();
      read += bytesRead;
    }
    return content;
  }

  /** Ends after the value. For delimited values `#field.start` is moved past the length. */
  async #skipValue(wireType: number, number: number, depth: number): Promise<void> {
    if (wireType === 0) await this.#varint();
    else if (wireType === 1) this.#at += 8;
    else if (wireType === 5) this.#at += 4;
    else if (wireType === 2) {
      const length = await this.#varint();
      this.#field.start = this.#at;
      this.#at += length;
    } else if (wireType === 3) await this.#skipGroup(number, depth + 1);
    else throw malformed();
    if (this.#at > this.#sizeBytes) throw malformed();
  }

  async #skipGroup(group: number, depth: number): Promise<void> {
    if (depth > deepestNesting) throw malformed();
    for (;;) {
      const tag = await this.#varint();
      const number = Math.floor(tag / 8);
      if (tag > 0xffff_ffff || number === 0) throw malformed();
      if (tag % 8 === 4) {
        if (number !== group) throw malformed();
        return;
      }
      await this.#skipValue(tag % 8, number, depth);
    }
  }

  async #varint(): Promise<number> {
    if (this.#at < this.#windowStart || this.#at + longestVarint > this.#windowEnd) await this.#fill();
    let value = 0;
    let scale = 1;
    for (let read = 0; read < longestVarint; read++) {
      if (this.#at >= this.#windowEnd) throw malformed();
      const byte = this.#window[this.#at - this.#windowStart] ?? 0;
      this.#at++;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw malformed();
  }

  async #fill(): Promise<void> {
    if (this.#at >= this.#windowStart && this.#windowEnd === this.#sizeBytes && this.#at < this.#windowEnd)
      return;
    this.#windowStart = this.#at;
    this.#windowEnd = this.#at;
    const wanted = Math.min(windowBytes, this.#sizeBytes - this.#at);
    while (this.#windowEnd - this.#windowStart < wanted) {
      const read = this.#windowEnd - this.#windowStart;
      const { bytesRead } = await this.#handle.read(this.#window, read, wanted - read, this.#windowEnd);
      if (bytesRead === 0) return;
      this.#windowEnd += bytesRead;
    }
  }
}

function malformed(): ServingError {
  return new ServingError('invalid_argument', 'the file is no ONNX model: its protobuf cannot be read', {
    reason: 'MODEL_LOAD_FAILED',
  });
}
