import type { ServingError } from '../errors.ts';
import {
  closeReasons,
  refusalReasons,
  type BatchSizeCount,
  type CloseReason,
  type RefusalReason,
} from './inspection.ts';
import { bucketSizes } from './policy/knee.ts';

const refusals: ReadonlySet<string | undefined> = new Set(refusalReasons);

function isRefusal(reason: string | undefined): reason is RefusalReason {
  return refusals.has(reason);
}

/** What is counted per target for whoever looks: why batches closed, and how large they were. */
export class TargetCounters {
  readonly #closed: Record<CloseReason, number> = {
    slot_free: 0,
    full: 0,
    deadline: 0,
    delay: 0,
    preferred_size: 0,
  };
  readonly #refused: Record<RefusalReason, number> = {
    WAIT_EXCEEDS_DEADLINE: 0,
    DEADLINE_UNREACHABLE: 0,
    QUEUE_ROWS_EXCEEDED: 0,
    QUEUE_REQUESTS_EXCEEDED: 0,
    QUEUE_BYTES_EXCEEDED: 0,
    QUEUE_WORK_EXCEEDED: 0,
    PREEMPTED: 0,
    MODEL_QUEUE_FULL: 0,
    QUEUE_TIMEOUT: 0,
    NO_INSTANCE: 0,
    MODEL_BREAKER_OPEN: 0,
    REQUEST_QUARANTINED: 0,
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

  /** Counts a failed request if it failed for a reason of the scheduler, and not of its caller or of the model. */
  countFailure({ reason }: ServingError): void {
    if (isRefusal(reason)) this.#refused[reason] += 1;
  }

  refused(): Readonly<Record<RefusalReason, number>> {
    return { ...this.#refused };
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
