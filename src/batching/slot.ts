import type { Executor } from '../inference/executor.ts';
import type { Clock } from '../util/clock.ts';
import type { LimitedInstance } from './rate-limiter.ts';

/** One batch's time on an executor. `endedAt` is undefined while it runs. */
export interface Occupation {
  readonly startedAt: number;
  readonly expectedEndAt: number;
  /** What the rows would cost one by one: more than any batch of them should. 0 while nothing is learned. */
  readonly dearestMs: number;
  endedAt: number | undefined;
}

/** One executor of a target and what it is expected to do next. */
export class Slot implements Disposable {
  readonly executor: Executor;
  /** When the last batch ended; -Infinity before the first. */
  lastEndedAt = -Infinity;
  /** Its part in the rate limiter, where one is on. */
  limited: LimitedInstance | undefined = undefined;
  /** The turn of the event loop that its last batch was started in. */
  startedTurn = -1;
  #current: Occupation | undefined = undefined;
  /** Replacements of its thread that have run a batch: the first run of a new session may take long. */
  #provenRestarts = 0;
  readonly #listener: Disposable;

  constructor(executor: Executor, clock: Clock, onIdle: () => void) {
    this.executor = executor;
    this.#listener = executor.onIdle(() => {
      // Here and not where the result is handled: by then the next batch has already been put together.
      if (this.#current !== undefined) this.ended(this.#current, clock.now());
      onIdle();
    });
  }

  started(startedAt: number, expectedMs: number, dearestMs: number): Occupation {
    this.limited?.start();
    this.#current = {
      startedAt,
      expectedEndAt: startedAt + expectedMs,
      dearestMs: Math.max(expectedMs, dearestMs),
      endedAt: undefined,
    };
    return this.#current;
  }

  /** What runs on it now. */
  get current(): Occupation | undefined {
    return this.#current;
  }

  /** It runs a batch or can: its executor is neither lost nor being replaced. */
  get works(): boolean {
    return this.#current !== undefined || this.executor.idle;
  }

  /** Whether what batches cost says anything about the present run. */
  get proven(): boolean {
    return (this.executor.restarts ?? 0) === this.#provenRestarts;
  }

  /** A batch has succeeded. */
  prove(): void {
    this.#provenRestarts = this.executor.restarts ?? 0;
  }

  /** Notes the end of a batch, by whichever sign of it comes first. @returns when it ended. */
  ended(occupation: Occupation, nowMs: number): number {
    if (occupation.endedAt !== undefined) return occupation.endedAt;
    this.limited?.end();
    occupation.endedAt = nowMs;
    this.lastEndedAt = nowMs;
    if (this.#current === occupation) this.#current = undefined;
    return nowMs;
  }

  /** Milliseconds until it can take a batch: Infinity when it is down, because that cannot be known. */
  freeInMs(nowMs: number): number {
    if (this.executor.idle) return 0;
    return this.#current === undefined ? Infinity : Math.max(0, this.#current.expectedEndAt - nowMs);
  }

  [Symbol.dispose](): void {
    this.#listener[Symbol.dispose]();
  }
}
