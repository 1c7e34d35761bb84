/** Bytes of one stream that wait for a window or for the socket. Takes pieces by reference and gives them in order. */
export class SendQueue {
  /** Bytes waiting. */
  sizeBytes = 0;
  /** When bytes last left, or the queue was made. */
  progressAt: number;
  #pieces: Uint8Array[] = [];
  #next = 0;
  #offset = 0;

  constructor(now: number) {
    this.progressAt = now;
  }

  push(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.sizeBytes += piece.length;
  }

  /** Hands the next `count` bytes, at most `sizeBytes`, to `take` in as few pieces as they are in. */
  take(count: number, take: { put(piece: Uint8Array): void }): void {
    let left = count;
    this.sizeBytes -= count;
    while (left > 0) {
      const piece = this.#pieces[this.#next];
      if (piece === undefined) throw new Error('bug: more taken than queued');
      const length = Math.min(left, piece.length - this.#offset);
      take.put(length === piece.length ? piece : piece.subarray(this.#offset, this.#offset + length));
      left -= length;
      this.#offset += length;
      if (this.#offset === piece.length) this.#advance();
    }
  }

  clear(): void {
    this.#pieces = [];
    this.#next = 0;
    this.#offset = 0;
    this.sizeBytes = 0;
  }

  #advance(): void {
    this.#offset = 0;
    this.#next++;
    if (this.#next === this.#pieces.length) {
      this.#pieces = [];
      this.#next = 0;
    } else if (this.#next > 1024) {
      this.#pieces.splice(0, this.#next);
      this.#next = 0;
    }
  }
}
