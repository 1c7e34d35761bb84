/** `half_open`: a probe, or one batch of requests, finds out whether the model works again. */
export type BreakerStateName = 'closed' | 'half_open' | 'open';

/** What can be told of the breaker of one model version. */
export interface BreakerReading {
  readonly state: BreakerStateName;
  /** Why it opened last: failures, losses, hang, probe; '' before it ever did. */
  readonly cause: string;
  /** How often it has opened. */
  readonly opened: number;
  /** When requests are let through again at the earliest; 0 unless it is open. */
  readonly opensForMs: number;
  /** Runs that were given up because they did not end. */
  readonly hungRuns: number;
}
