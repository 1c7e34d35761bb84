import type { BreakerReading } from '../inference/breaker.ts';
import type { CacheReading } from '../inference/caching.ts';
import type { Target } from '../inference/target.ts';

/**
 * Why a batch was closed. `slot_free`: everything that waited was taken; `full`: the largest useful size; `deadline`:
 * kept smaller for the most urgent request; `delay`: its oldest request had waited max_queue_delay_microseconds;
 * `preferred_size`: a preferred_batch_size was reached.
 */
export const closeReasons = ['slot_free', 'full', 'deadline', 'delay', 'preferred_size'] as const;

export type CloseReason = (typeof closeReasons)[number];

/** Why requests were turned away or given up by the scheduler: reasons of ServingErrors. */
export const refusalReasons = [
  'WAIT_EXCEEDS_DEADLINE',
  'DEADLINE_UNREACHABLE',
  'QUEUE_ROWS_EXCEEDED',
  'QUEUE_REQUESTS_EXCEEDED',
  'QUEUE_BYTES_EXCEEDED',
  'QUEUE_WORK_EXCEEDED',
  'PREEMPTED',
  'MODEL_QUEUE_FULL',
  'QUEUE_TIMEOUT',
  'NO_INSTANCE',
  'MODEL_BREAKER_OPEN',
  'REQUEST_QUARANTINED',
] as const;

export type RefusalReason = (typeof refusalReasons)[number];

/** What a batch of `rows` costs, as learned so far. */
export interface LearnedCost {
  readonly rows: number;
  readonly ms: number;
  /** Batches it was learned from. */
  readonly samples: number;
}

/** The cost of rows of one size class: their inputs have 2^class to 2^(class+1) - 1 elements each. */
export interface CostCurve {
  readonly sizeClass: number;
  readonly costs: readonly LearnedCost[];
}

/** Everything learned about one model version. Survives reloads because it hangs on the content, not on the target. */
export interface CostSnapshot {
  /** ModelSpec.digest. */
  readonly digest: string;
  readonly curves: readonly CostCurve[];
}

export interface BatchSizeCount {
  /** Upper end of the bucket, inclusive. */
  readonly rows: number;
  readonly batches: number;
}

export interface TargetInspection {
  readonly model: string;
  readonly version: string;
  readonly digest: string;
  /** '' while requests may share a batch. */
  readonly batchingOffReason: string;
  /** '' unless the configuration asks for padding that the model does not bear. */
  readonly paddingOffReason: string;
  readonly queuedRequests: number;
  readonly queuedRows: number;
  readonly queuedBytes: number;
  /** How long the oldest waiting request has waited; 0 when none does. */
  readonly oldestMs: number;
  readonly lanes: number;
  readonly runningBatches: number;
  /** The batch size above which a row gets no cheaper, per size class; the largest allowed size until known. */
  readonly knees: readonly { readonly sizeClass: number; readonly rows: number }[];
  readonly curves: readonly CostCurve[];
  readonly closed: Readonly<Record<CloseReason, number>>;
  readonly refused: Readonly<Record<RefusalReason, number>>;
  /** Executor threads that were started in place of lost ones. */
  readonly restarts: number;
  readonly breaker: BreakerReading;
  readonly batchSizes: readonly BatchSizeCount[];
  /** Of a model with a response cache; whoever caches adds it. */
  readonly cache?: CacheReading | undefined;
}

/** What the admin surface and the metrics may read and set. Snapshots; cheap enough for a scrape, not for a request. */
export interface BatcherInspection {
  /** Targets that have been used since they were last drained. */
  inspect(): readonly TargetInspection[];
  exportCosts(): readonly CostSnapshot[];
  /** Takes over what another thread or an earlier process learned; what is known here already stays. */
  importCosts(snapshots: readonly CostSnapshot[]): void;
  /** Records that requests of `target` must not share a batch, for example because warm-up found that rows differ. */
  switchBatchingOff(target: Target, reason: string): void;
}
