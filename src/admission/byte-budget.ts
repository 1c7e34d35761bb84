/** Counted in KiB, rounded up: no request costs less memory than that, and 2 TiB fit into the 31 bits of a slot. */
const unitBytes = 1024;

export interface ByteBudgetOptions {
  /** Bytes of requests that the process may hold at once. */
  readonly limitBytes: number;
  /** Four zeroed bytes; given to every thread that shares the budget. */
  readonly memory?: SharedArrayBuffer;
}

/**
 * Bytes of all requests that the process holds: received, decoded, queued or running, until their replies are written.
 * A limit per message alone does not bound memory: many messages below it may arrive at once.
 */
export class ByteBudget {
  readonly memory: SharedArrayBuffer;
  readonly #held: Int32Array;
  readonly #limit: number;

  constructor({
    limitBytes,
    memory = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT),
  }: ByteBudgetOptions) {
    this.memory = memory;
    this.#held = new Int32Array(memory, 0, 1);
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
    if (before + wanted <= this.#limit) return true;
    Atomics.sub(this.#held, 0, wanted);
    return false;
  }

  /** Gives back what one `take` of the same size took. */
  release(sizeBytes: number): void {
    Atomics.sub(this.#held, 0, units(sizeBytes));
  }
}

function units(sizeBytes: number): number {
  return Math.ceil(sizeBytes / unitBytes);
}
