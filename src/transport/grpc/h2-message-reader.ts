import { readUint32 } from '../h2/bytes.ts';

/** gRPC's prefix of a message: one byte of flags and four of length. */
export const prefixBytes = 5;

/** A piece of a message at least this large, and a quarter of its chunk, is kept as a view until the message is whole. */
const viewBytes = 4096;
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

/**
 * Cuts a stream's bytes into messages. A message inside one chunk is handed on as a view of it. One that spans chunks is
 * put together once, when it is whole; until then it takes memory for bytes that have arrived, whatever its length claims.
 */
export class MessageReader {
  readonly #target: MessageTarget;
  readonly #prefix = Buffer.alloc(prefixBytes);
  #prefixRead = 0;
  #isCompressed = false;
  /** Length of the message being read; -1 between messages. */
  #length = -1;
  #received = 0;
  #pieces: Buffer[] = [];
  /** Collects pieces too small to be kept as views. */
  #tail = Buffer.alloc(0);
  #tailBytes = 0;
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
    this.#pieces = [];
    this.#tail = Buffer.alloc(0);
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
        this.#deliver(chunk.subarray(at - missing, at));
      } else {
        const take = Math.min(missing, end - at);
        if (take > 0 && !this.#keep(chunk, at, at + take)) return;
        at += take;
        if (this.#received < this.#length) return;
        this.#deliver(this.#join());
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
    this.#received += size;
    if (size >= viewBytes && size * 4 >= chunk.length) {
      this.#sealTail();
      this.#pieces.push(chunk.subarray(start, end));
      return true;
    }
    if (this.#tailBytes + size > this.#tail.length) this.#growTail(size);
    chunk.copy(this.#tail, this.#tailBytes, start, end);
    this.#tailBytes += size;
    return true;
  }

  #growTail(size: number): void {
    const grown = Buffer.allocUnsafe(
      Math.max(firstBufferBytes, this.#tail.length * 2, this.#tailBytes + size),
    );
    this.#tail.copy(grown, 0, 0, this.#tailBytes);
    this.#tail = grown;
  }

  #sealTail(): void {
    if (this.#tailBytes === 0) return;
    this.#pieces.push(this.#tail.subarray(0, this.#tailBytes));
    this.#tail = Buffer.alloc(0);
    this.#tailBytes = 0;
  }

  #join(): Buffer {
    this.#sealTail();
    const pieces = this.#pieces;
    this.#pieces = [];
    return pieces.length === 1 ? (pieces[0] ?? Buffer.alloc(0)) : Buffer.concat(pieces, this.#length);
  }

  #deliver(message: Buffer): void {
    this.#length = -1;
    this.#received = 0;
    this.#target.onMessage(message, this.#isCompressed);
  }
}
