/** Counted in KiB, rounded up: no request costs less memory than that, and 2 TiB fit into the 31 bits of a slot. */
const unitBytes = 1024;

export interface ByteBudgetOptions {
  /** Bytes of requests that the process may hold at once. */
  readonly limitBytes: number;
  /** Zeroed, from `ByteBudget.sharedMemory`; given to every thread that shares the budget. */
  readonly memory?: SharedArrayBuffer;
  /** The thread's number, from 1: what it holds is counted for itself too, to be had back when it is lost. */
  readonly thread?: number;
}

/**
 * Bytes of all requests that the process holds: received, decoded, queued or running, until their replies are written.
 * A limit per message alone does not bound memory: many messages below it may arrive at once.
 */
export class ByteBudget {
  /** Memory for a budget that so many threads share, besides the one that makes it. */
  static sharedMemory(threads: number): SharedArrayBuffer {
    return new SharedArrayBuffer((1 + threads) * Int32Array.BYTES_PER_ELEMENT);
  }

  readonly memory: SharedArrayBuffer;
  /** At 0 what all threads hold, at the number of a thread what it holds itself. */
  readonly #held: Int32Array;
  readonly #thread: number;
  readonly #limit: number;

  constructor({ limitBytes, memory = ByteBudget.sharedMemory(0), thread = 0 }: ByteBudgetOptions) {
    this.memory = memory;
    this.#held = new Int32Array(memory);
    this.#thread = thread;
    this.#limit = Math.min(2 ** 31 - 1, Math.floor(limitBytes / unitBytes));
  }

  /** What is held now, in whole KiB. */
  get heldBytes(): number {
    return Atomics.load(this.#held, 0) * unitBytes;
  }

  get limitBytes(): number {
    return this.#limit * unitBytes;
  }

  /** True when `sizeBytes` could be had if nothing else were held. */
  couldHold(sizeBytes: number): boolean {
    return units(sizeBytes) <= this.#limit;
  }

  /** Takes the bytes, to be given back with `release`, or takes nothing and returns false. */
  take(sizeBytes: number): boolean {
    const wanted = units(sizeBytes);
    // Checked before adding, so that refusals cannot carry the count over its 31 bits.
    if (wanted > this.#limit - Atomics.load(this.#held, 0)) return false;
    const before = Atomics.add(this.#held, 0, wanted);
    if (before + wanted <= this.#limit) {
      if (this.#thread > 0) Atomics.add(this.#held, this.#thread, wanted);
      return true;
    }
    Atomics.sub(this.#held, 0, wanted);
    return false;
  }

  /** Gives back what one `take` of the same size took. */
  release(sizeBytes: number): void {
    const held = units(sizeBytes);
    Atomics.sub(this.#held, 0, held);
    if (this.#thread > 0) Atomics.sub(this.#held, this.#thread, held);
  }

  /** Gives back all that a thread held, which must have ended. */
  releaseThread(thread: number): void {
    Atomics.sub(this.#held, 0, Atomics.exchange(this.#held, thread, 0));
  }
}

function units(sizeBytes: number): number {
  return Math.ceil(sizeBytes / unitBytes);
}
