/** Where time is read and waited for. Injected wherever either happens, so that tests own time. */
export interface Clock {
  /** Milliseconds on a monotonic line with an arbitrary origin, with fractions. */
  now(): number;
  /** Milliseconds since the Unix epoch, for what is shown to people. */
  epochMs(): number;
  /** Runs `run` once, `delayMs` from now, unless disposed first. */
  after(delayMs: number, run: () => void): Disposable;
}

/** The process's own clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  epochMs: () => Date.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};
