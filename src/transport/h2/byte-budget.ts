import type { H2Counters } from './counters.ts';

/** Counts the bytes that all connections of a listener hold, against one bound. */
export class ByteBudget {
  readonly #maxBytes: number;
  readonly #counters: H2Counters;

  constructor(maxBytes: number, counters: H2Counters) {
    this.#maxBytes = maxBytes;
    this.#counters = counters;
  }

  /** False, and counted, when that would be more than the bound; nothing is held then. */
  hold(sizeBytes: number): boolean {
    const held = this.#counters.heldBytes + sizeBytes;
    if (held > this.#maxBytes) {
      this.#counters.limitHits.totalBytes++;
      return false;
    }
    this.#counters.heldBytes = held;
    return true;
  }

  release(sizeBytes: number): void {
    this.#counters.heldBytes -= sizeBytes;
  }
}

/** One connection's share of the budget. */
export class ConnectionBudget {
  readonly #shared: ByteBudget;
  readonly #maxBytes: number;
  readonly #counters: H2Counters;
  #heldBytes = 0;

  constructor(shared: ByteBudget, maxBytes: number, counters: H2Counters) {
    this.#shared = shared;
    this.#maxBytes = maxBytes;
    this.#counters = counters;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** False when the connection's or the listener's bound would be passed; nothing is held then. */
  hold(sizeBytes: number): boolean {
    if (this.#heldBytes + sizeBytes > this.#maxBytes) {
      this.#counters.limitHits.connectionBytes++;
      return false;
    }
    if (!this.#shared.hold(sizeBytes)) return false;
    this.#heldBytes += sizeBytes;
    return true;
  }

  release(sizeBytes: number): void {
    this.#heldBytes -= sizeBytes;
    this.#shared.release(sizeBytes);
  }
}
