import type { CloseReason } from '../inspection.ts';

/** A lane at a moment when an executor is free. */
export interface LaneSnapshot {
  readonly rows: number;
  readonly oldestQueuedAt: number;
  /** Rows at which a batch is full: the smaller of the model's maximum and the knee. */
  readonly fullRows: number;
  /** Triton's preferred_batch_size, ascending. */
  readonly preferredSizes: readonly number[];
  readonly maxDelayMs: number;
}

/** Take up to `rows` now, or nothing before `waitUntil` unless more arrives. */
export type CloseDecision =
  | { readonly kind: 'close'; readonly rows: number; readonly reason: CloseReason }
  | { readonly kind: 'wait'; readonly untilMs: number };

/**
 * Triton's order of decisions with the wait for company off by default: full; a preferred size while the oldest may
 * still wait (the rest stays); past the largest preferred size; waited long enough, or need not wait; else wait.
 */
export function closeBatch(lane: LaneSnapshot, nowMs: number): CloseDecision {
  if (lane.rows >= lane.fullRows) return { kind: 'close', rows: lane.fullRows, reason: 'full' };
  if (lane.maxDelayMs <= 0) return { kind: 'close', rows: lane.rows, reason: 'slot_free' };
  const dueMs = lane.oldestQueuedAt + lane.maxDelayMs;
  if (nowMs >= dueMs) return { kind: 'close', rows: lane.rows, reason: 'delay' };
  const preferred = largestPreferred(lane.preferredSizes, lane.rows);
  if (preferred > 0) return { kind: 'close', rows: preferred, reason: 'preferred_size' };
  return { kind: 'wait', untilMs: dueMs };
}

function largestPreferred(sizes: readonly number[], rows: number): number {
  let largest = 0;
  for (const size of sizes) if (size <= rows && size > largest) largest = size;
  return largest;
}
