import type { Batch } from '../inference/executor.ts';
import type { Entry } from './entry.ts';
import type { CloseReason } from './inspection.ts';
import type { Lane } from './lane.ts';
import type { Slot } from './slot.ts';

/** The runs that the search for a guilty request may still take. */
export interface Bisection {
  runsLeft: number;
}

/**
 * Requests that left their lane together and wait for an executor: a full batch prepared while all were busy, the other
 * try of one whose executor failed, or a part of one that failed.
 */
export interface HeldBatch {
  readonly lane: Lane;
  readonly entries: readonly Entry[];
  readonly origin: 'prepared' | 'retry' | 'bisect';
  readonly reason: CloseReason;
  /** Put together already; only for `prepared`. */
  readonly batch: Batch | undefined;
  /** The executor that failed with it, which must not get it again. */
  readonly notOn: Slot | undefined;
  readonly bisection: Bisection | undefined;
}
