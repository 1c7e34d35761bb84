import { readUint32 } from '../h2/bytes.ts';

/** gRPC's prefix of a message: one byte of flags and four of length. */
export const prefixBytes = 5;

/** The buffer of a message that is not whole is at most this many times what has arrived of it, */
const growthFactor = 8;
/** or this many times when that is more than a few packets: the first 64 kB make room for a whole 600 kB tensor, */
const largeGrowthFactor = 16;
const largeBytes = 32_768;
/** or this large. */
const firstBufferBytes = 1024;

/** Takes what the reader finds. */
export interface MessageTarget {
  readonly maxMessageBytes: number;
  onMessage(message: Buffer, isCompressed: boolean): void;
  /** The announced length is above the maximum. Nothing more is to be fed. */
  onTooLarge(): void;
  /** Bytes of a message that is not whole yet are about to be kept; false to refuse, after which nothing is to be fed. */
  keep(sizeBytes: number): boolean;
  /** Flags other than the compressed one are set. Nothing more is to be fed. */
  onBadFlags(): void;
}

const nothing = Buffer.alloc(0);

/** The bytes in memory of their own. */
export function copyOf(chunk: Buffer, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafe(end - start);
  chunk.copy(copy, 0, start, end);
  return copy;
}

/**
 * Cuts a stream's bytes into messages. One that spans chunks is put together in a buffer that grows with the bytes that
 * have arrived, whatever its length claims. Chunks are copied while they are in the processor's cache, and not kept.
 */
export class MessageReader {
  readonly #target: MessageTarget;
  readonly #prefix = Buffer.alloc(prefixBytes);
  #prefixRead = 0;
  #isCompressed = false;
  /** Length of the message being read; -1 between messages. */
  #length = -1;
  #received = 0;
  #partial: Buffer = nothing;
  #stopped = false;

  constructor(target: MessageTarget) {
    this.#target = target;
  }

  /** A message has begun and is not whole. */
  get isInsideMessage(): boolean {
    return this.#length >= 0 || this.#prefixRead > 0;
  }

  stop(): void {
    this.#stopped = true;
    this.#partial = nothing;
  }

  feed(chunk: Buffer, start: number, end: number): void {
    let at = start;
    while (!this.#stopped) {
      if (this.#length < 0) {
        at = this.#readPrefix(chunk, at, end);
        if (this.#length < 0) return;
      }
      const missing = this.#length - this.#received;
      if (this.#received === 0 && end - at >= missing) {
        at += missing;
        this.#deliver(copyOf(chunk, at - missing, at));
      } else {
        const take = Math.min(missing, end - at);
        if (take > 0 && !this.#keep(chunk, at, at + take)) return;
        at += take;
        if (this.#received < this.#length) return;
        this.#deliver(this.#partial.subarray(0, this.#length));
      }
      if (at === end) return;
    }
  }

  #readPrefix(chunk: Buffer, from: number, end: number): number {
    let at = from;
    while (this.#prefixRead < prefixBytes && at < end) this.#prefix[this.#prefixRead++] = chunk[at++] ?? 0;
    if (this.#prefixRead < prefixBytes) return at;
    this.#prefixRead = 0;
    const flags = this.#prefix[0] ?? 0;
    const length = readUint32(this.#prefix, 1);
    if (flags > 1) {
      this.stop();
      this.#target.onBadFlags();
    } else if (length > this.#target.maxMessageBytes) {
      this.stop();
      this.#target.onTooLarge();
    } else {
      this.#isCompressed = flags === 1;
      this.#length = length;
    }
    return at;
  }

  #keep(chunk: Buffer, start: number, end: number): boolean {
    const size = end - start;
    if (!this.#target.keep(size)) {
      this.stop();
      return false;
    }
    const received = this.#received + size;
    if (received > this.#partial.length) this.#grow(received);
    chunk.copy(this.#partial, this.#received, start, end);
    this.#received = received;
    return true;
  }

  #grow(needed: number): void {
    const factor = needed < largeBytes ? growthFactor : largeGrowthFactor;
    const capacity = Math.max(firstBufferBytes, needed * factor);
    const grown = Buffer.allocUnsafe(Math.min(this.#length, capacity));
    this.#partial.copy(grown, 0, 0, this.#received);
    this.#partial = grown;
  }

  #deliver(message: Buffer): void {
    this.#length = -1;
    this.#received = 0;
    this.#partial = nothing;
    this.#target.onMessage(message, this.#isCompressed);
  }
}
