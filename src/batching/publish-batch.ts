import type { ServingError } from '../errors.ts';
import { batchesAreWatched, publishBatchRun } from '../inference/batch-channel.ts';
import type { BatchResult } from '../inference/executor.ts';
import type { Target } from '../inference/target.ts';
import type { Entry } from './entry.ts';

/** Of one run of a batch. */
export interface BatchStart {
  readonly queue: { readonly target: Target };
  readonly runnable: { readonly entries: readonly Entry[] };
  readonly batch: { readonly rows: number };
  readonly startedAt: number;
}

/** Tells who listens of a batch that has ended. Nothing is made for it while nobody does. */
export function publishBatch(run: BatchStart, endedAt: number, outcome: BatchResult | ServingError): void {
  if (!batchesAreWatched()) return;
  const { spec } = run.queue.target;
  const failed = outcome instanceof Error;
  publishBatchRun({
    model: spec.name,
    version: spec.version,
    rows: run.batch.rows,
    calls: run.runnable.entries,
    startedAt: run.startedAt,
    endedAt,
    parts: failed ? undefined : outcome,
    error: failed ? outcome : undefined,
  });
}
