import type { BreakerReading, BreakerStateName } from '../inference/breaker.ts';

const severity = { closed: 0, half_open: 1, open: 2 } as const satisfies Record<BreakerStateName, number>;

/** Each thread has sessions and so a breaker of its own: the worst state, and how often any of them opened. */
export function mergeBreakers(a: BreakerReading, b: BreakerReading): BreakerReading {
  const worse = severity[b.state] > severity[a.state] ? b : a;
  return {
    state: worse.state,
    cause: worse.cause || a.cause || b.cause,
    opened: a.opened + b.opened,
    opensForMs: worse.opensForMs,
    hungRuns: a.hungRuns + b.hungRuns,
  };
}
