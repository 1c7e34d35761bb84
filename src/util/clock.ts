/** Where time is read and waited for. Injected wherever either happens, so that tests own time. */
export interface Clock {
  /** Milliseconds on a monotonic line with an arbitrary origin, with fractions. */
  now(): number;
  /** Milliseconds since the Unix epoch, for what is shown to people. */
  epochMs(): number;
  /** Runs `run` once, `delayMs` from now, unless disposed first. */
  after(delayMs: number, run: () => void): Disposable;
}

/** The longest delay that setTimeout takes; it runs what should wait longer at once. */
const longestTimerMs = 2 ** 31 - 1;

/** The process's own clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  epochMs: () => Date.now(),
  after(delayMs, run) {
    if (delayMs > longestTimerMs) return afterLongest(delayMs, run);
    const timer = setTimeout(run, delayMs);
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};

/** Waits for as long as one timer can, and then for the rest. */
function afterLongest(delayMs: number, run: () => void): Disposable {
  let rest = systemClock.after(longestTimerMs, () => {
    rest = systemClock.after(delayMs - longestTimerMs, run);
  });
  return { [Symbol.dispose]: () => rest[Symbol.dispose]() };
}
