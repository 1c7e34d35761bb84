import { closeReasons, type BatchSizeCount, type CloseReason } from './inspection.ts';
import { bucketSizes } from './policy/knee.ts';

/** What is counted per target for whoever looks: why batches closed, and how large they were. */
export class TargetCounters {
  readonly #closed: Record<CloseReason, number> = {
    slot_free: 0,
    full: 0,
    deadline: 0,
    delay: 0,
    preferred_size: 0,
  };
  readonly #sizes: readonly number[];
  readonly #batches: Float64Array;

  constructor(maxRows: number) {
    this.#sizes = bucketSizes(maxRows);
    this.#batches = new Float64Array(this.#sizes.length);
  }

  countBatch(rows: number, reason: CloseReason): void {
    this.#closed[reason] += 1;
    let bucket = 0;
    while (bucket < this.#sizes.length - 1 && (this.#sizes[bucket] ?? 0) < rows) bucket += 1;
    this.#batches[bucket] = (this.#batches[bucket] ?? 0) + 1;
  }

  closed(): Readonly<Record<CloseReason, number>> {
    const copy = { ...this.#closed };
    for (const reason of closeReasons) copy[reason] = this.#closed[reason];
    return copy;
  }

  batchSizes(): readonly BatchSizeCount[] {
    return this.#sizes.map((rows, bucket) => ({ rows, batches: this.#batches[bucket] ?? 0 }));
  }
}
