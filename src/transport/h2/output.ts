import type { Duplex } from 'node:stream';
import { copyInto } from './bytes.ts';

/** A connection that multiplexes fills these; one that has a call at a time needs the small ones only. */
const largeBytes = 65_536;
const smallBytes = 4096;
/** Buffers beyond these are left to the garbage collector, which pays for memory outside its heap with whole collections. */
const keptLarge = 16;
const keptSmall = 512;
/** Of one connection, while its peer reads slowly. */
const keptFull = 8;
/** What is left of a buffer that the socket still reads from is used on while it is at least this. */
const usefulRestBytes = 16_384;
/** Larger pieces go to the socket as they are; copying smaller ones is cheaper than a piece of a vectored write. */
const copyLimitBytes = 8192;

const noBuffer = Buffer.alloc(0);

/** Output buffers that the connections of one listener share, so that idle connections hold none. */
export class OutputBuffers {
  readonly #small: Buffer[] = [];
  readonly #large: Buffer[] = [];

  takeSmall(): Buffer {
    return this.#small.pop() ?? Buffer.allocUnsafeSlow(smallBytes);
  }

  takeLarge(): Buffer {
    return this.#large.pop() ?? Buffer.allocUnsafeSlow(largeBytes);
  }

  give(buffer: Buffer): void {
    const isSmall = buffer.length === smallBytes;
    const free = isSmall ? this.#small : this.#large;
    if (free.length < (isSmall ? keptSmall : keptLarge)) free.push(buffer);
  }
}

/** Gathers what one tick produces for a connection and hands it to the socket as one write. */
export class Output {
  /** Where `reserve` made room. */
  buffer: Buffer = noBuffer;
  /** Bytes gathered and not handed to the socket yet. */
  pendingBytes = 0;
  readonly #buffers: OutputBuffers;
  #start = 0;
  #end = 0;
  #pieces: Uint8Array[] = [];
  /** Buffers that were filled since the socket last had taken everything. */
  #full: Buffer[] = [];
  /** The last write was more than a small buffer holds, so the next one may be. */
  #fillsSmall = false;

  constructor(buffers: OutputBuffers) {
    this.#buffers = buffers;
  }

  /** Makes room for `sizeBytes`, at most 64 KiB, in `buffer`; the caller fills all of it from the returned position. */
  reserve(sizeBytes: number): number {
    if (this.#end + sizeBytes > this.buffer.length) {
      this.#seal();
      const isFirst = this.buffer === noBuffer;
      if (!isFirst) this.#full.push(this.buffer);
      const smallWillDo = isFirst && !this.#fillsSmall && sizeBytes <= smallBytes;
      this.buffer = smallWillDo ? this.#buffers.takeSmall() : this.#buffers.takeLarge();
      this.#start = 0;
      this.#end = 0;
    }
    const at = this.#end;
    this.#end = at + sizeBytes;
    this.pendingBytes += sizeBytes;
    return at;
  }

  /** Appends bytes; a large piece is not copied and must not change until it has been written. */
  put(bytes: Uint8Array): void {
    const length = bytes.length;
    if (length <= copyLimitBytes) {
      const at = this.reserve(length);
      copyInto(this.buffer, at, bytes);
      return;
    }
    this.#seal();
    this.#pieces.push(bytes);
    this.pendingBytes += length;
  }

  /** Hands everything to the socket in one write. */
  flush(socket: Duplex): void {
    this.#seal();
    const pieces = this.#pieces;
    if (pieces.length === 0) return;
    this.#fillsSmall = this.pendingBytes > smallBytes;
    this.pendingBytes = 0;
    this.#pieces = [];
    const [first] = pieces;
    if (pieces.length === 1 && first !== undefined) {
      socket.write(first);
    } else {
      socket.cork();
      for (const piece of pieces) socket.write(piece);
      socket.uncork();
    }
    if (socket.writableLength === 0) this.#giveBack();
    else this.#retire();
  }

  /** The socket still reads from the buffers: they are given back when it has taken everything, unless they are very many. */
  #retire(): void {
    if (this.buffer !== noBuffer && this.buffer.length - this.#end < usefulRestBytes) {
      this.#full.push(this.buffer);
      this.#forgetBuffer();
    }
    if (this.#full.length > keptFull) this.#full = [];
  }

  /** Returns the buffer once the socket has taken all of it. */
  releaseIdle(socket: Duplex): void {
    if (this.pendingBytes === 0 && socket.writableLength === 0) this.#giveBack();
  }

  #seal(): void {
    if (this.#end === this.#start) return;
    this.#pieces.push(this.buffer.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }

  #giveBack(): void {
    for (const buffer of this.#full) this.#buffers.give(buffer);
    if (this.#full.length > 0) this.#full = [];
    if (this.buffer !== noBuffer) this.#buffers.give(this.buffer);
    this.#forgetBuffer();
  }

  #forgetBuffer(): void {
    this.buffer = noBuffer;
    this.#start = 0;
    this.#end = 0;
  }
}
