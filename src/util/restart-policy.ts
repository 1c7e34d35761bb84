/** When a lost executor may start again. Milliseconds. */
export interface RestartLimits {
  readonly firstDelayMs: number;
  readonly longestDelayMs: number;
  /** At most so many restarts within `budgetWindowMs`; the next waits until the oldest has left the window. */
  readonly budget: number;
  readonly budgetWindowMs: number;
}

/** 100 ms outlasts a passing shortage of memory; 10 restarts in 5 minutes keep a model that always crashes cheap. */
export const defaultRestartLimits: RestartLimits = {
  firstDelayMs: 100,
  longestDelayMs: 10_000,
  budget: 10,
  budgetWindowMs: 300_000,
};

/** What is known about an executor's past, newest restart last. */
export interface RestartHistory {
  /** Crashes since a batch last succeeded, this one included. */
  readonly crashesInRow: number;
  readonly restartedAt: readonly number[];
}

/**
 * How long to wait before the next restart: doubling with up to half taken off at random, so that executors lost together do
 * not return together, and never more restarts than the budget.
 *
 * @param random in [0, 1).
 */
export function restartDelayMs(
  limits: RestartLimits,
  history: RestartHistory,
  now: number,
  random: number,
): number {
  const doubled = limits.firstDelayMs * 2 ** Math.min(history.crashesInRow - 1, 30);
  const backoff = Math.min(doubled, limits.longestDelayMs) * (1 - random / 2);
  const oldest = history.restartedAt.at(-limits.budget);
  const budgetWait = oldest === undefined ? 0 : oldest + limits.budgetWindowMs - now;
  return Math.max(backoff, budgetWait);
}
