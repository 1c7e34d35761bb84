import type { Logger } from '../inference/logger.ts';
import type { Clock } from '../util/clock.ts';
import type { RateLimiter } from './rate-limiter.ts';
import type { HangLimits } from './watchdog.ts';

/** Hard bounds of what may wait. Work, rows and requests are per target, bytes over all targets. */
export interface BatcherLimits {
  /** Rows that may wait for one target. */
  readonly queuedRows: number;
  /** Requests that may wait for one target; the bound that holds before costs are learned. */
  readonly queuedRequests: number;
  /** Bytes of input tensors that wait or run, over all targets. */
  readonly queuedBytes: number;
  /** Estimated device time that may wait for one executor of a target, in milliseconds. */
  readonly queuedWorkMs: number;
  /** Batches that may run at once on executor threads, over all targets; above it targets take turns. */
  readonly runningBatches: number;
}

/** Two seconds of work: more is only answered after its caller gave up. 256 MiB: half of a small container. */
export const defaultBatcherLimits: BatcherLimits = {
  queuedRows: 1 << 20,
  queuedRequests: 1 << 16,
  queuedBytes: 256 * 1024 * 1024,
  queuedWorkMs: 2_000,
  runningBatches: Infinity,
};

export interface BatcherOptions {
  readonly clock: Clock;
  readonly logger?: Logger;
  readonly limits?: Partial<BatcherLimits>;
  /** Left out: instances run whenever they are idle. */
  readonly limiter?: RateLimiter | undefined;
  /** When runs on threads are taken never to end. */
  readonly hangLimits?: Partial<HangLimits>;
  /**
   * Runs something once everything that can be read now has been read: requests that arrive together leave together.
   * `setImmediate` by default, which comes right after the sockets of this turn of the event loop.
   */
  readonly nextTurn?: (run: () => void) => void;
}
