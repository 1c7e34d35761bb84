/** A queue that was never short for this long is standing: it holds more than bursts explain. */
export const sojournWindowMs = 100;

/** Waiting less than this is no overload, however fast the model is. */
const leastTargetMs = 50;

/** How long the oldest request may wait before the queue counts as long: five full batches, at least 50 ms. */
export function sojournTargetMs(fullBatchMs: number): number {
  return Math.max(leastTargetMs, 5 * fullBatchMs);
}

/**
 * When the queue was last short, given when it was before.
 *
 * @param oldestMs Wait of the oldest request; 0 when nothing waits.
 */
export function lastShortAt(before: number, nowMs: number, oldestMs: number, targetMs: number): number {
  return oldestMs <= targetMs ? nowMs : before;
}

/** Whether the shortest wait of the last 100 ms was above target. */
export function isStanding(shortAt: number, nowMs: number): boolean {
  return nowMs - shortAt > sojournWindowMs;
}
