import { channel } from 'node:diagnostics_channel';
import type { ServingError } from '../errors.ts';
import type { CallContext } from './call-context.ts';
import type { BatchResult } from './executor.ts';

/** A request of a batch. */
export interface BatchedCall {
  readonly call: CallContext;
  /** When it began to wait, in the clock's milliseconds. */
  readonly queuedAt: number;
}

/** A batch that an executor has run, with or without success. */
export interface BatchRun {
  readonly model: string;
  readonly version: string;
  readonly rows: number;
  readonly calls: readonly BatchedCall[];
  /** In the clock's milliseconds. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** How long its parts took; undefined when it failed. */
  readonly parts: Pick<BatchResult, 'inputMs' | 'inferMs' | 'outputMs'> | undefined;
  readonly error: ServingError | undefined;
}

const batches = channel('tensorgate:batch');

/** Whether anybody wants to be told: who publishes asks first, and else makes nothing. */
export function batchesAreWatched(): boolean {
  return batches.hasSubscribers;
}

/** Tells of a batch, before its requests are answered. */
export function publishBatchRun(run: BatchRun): void {
  batches.publish(run);
}

/** Calls `listener` with every batch of the process, those of other servers in it too. */
export function watchBatches(listener: (run: BatchRun) => void): Disposable {
  // Only `publishBatchRun` publishes here.
  const onMessage = (message: unknown): void => listener(message as BatchRun);
  batches.subscribe(onMessage);
  return {
    [Symbol.dispose]() {
      batches.unsubscribe(onMessage);
    },
  };
}
