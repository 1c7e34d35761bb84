/** How many values between 0 and 1 were observed, and their sum. Two numbers, however many there were. */
export interface StreamCount {
  readonly count: number;
  readonly sum: number;
}

/** What was observed of a running stream since the last look. Owned by whoever adds. */
export class Stream implements StreamCount {
  count = 0;
  sum = 0;

  /** @param sum of `count` values of 0..1; rounding beyond the bounds is cut off. */
  add(sum: number, count: number): void {
    this.count += count;
    this.sum += Math.min(Math.max(sum, 0), count);
  }

  clear(): void {
    this.count = 0;
    this.sum = 0;
  }

  /** The mean with half an observation of each kind added, so that it is never 0 or 1. */
  smoothed(): number {
    return (this.sum + 0.5) / (this.count + 1);
  }

  /** 0 without observations. */
  mean(): number {
    return this.count === 0 ? 0 : this.sum / this.count;
  }

  state(): StreamCount {
    return { count: this.count, sum: this.sum };
  }
}

/** False when it cannot be the state of a stream; otherwise `stream` has it. */
export function restoreStream(stream: Stream, state: unknown): boolean {
  if (typeof state !== 'object' || state === null || !('count' in state) || !('sum' in state)) return false;
  const { count, sum } = state;
  if (!Number.isSafeInteger(count) || typeof count !== 'number' || count < 0) return false;
  if (typeof sum !== 'number' || !(sum >= 0 && sum <= count)) return false;
  stream.clear();
  stream.add(sum, count);
  return true;
}
