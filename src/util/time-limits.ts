import type { Clock } from './clock.ts';

/** Waits for things that may never happen, for a while each. Disposed it keeps no timer; who waits then may wait for ever. */
export class TimeLimits implements Disposable {
  readonly #clock: Clock;
  readonly #timers = new Set<Disposable>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What the promise gives, or 'timeout'. */
  async within<T>(promise: Promise<T>, limitMs: number): Promise<T | 'timeout'> {
    const late = Promise.withResolvers<'timeout'>();
    const timer = this.#clock.after(limitMs, () => late.resolve('timeout'));
    this.#timers.add(timer);
    try {
      return await Promise.race([promise, late.promise]);
    } finally {
      timer[Symbol.dispose]();
      this.#timers.delete(timer);
    }
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers) timer[Symbol.dispose]();
    this.#timers.clear();
  }
}
