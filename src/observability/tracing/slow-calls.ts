/** How many calls of a model are looked at before any counts as slow. */
const firstCalls = 200;

/** Part of the estimate by which one call moves it: what was usual is forgotten within some ten thousand calls. */
const step = 0.02;

const slowShare = 0.01;

/**
 * Which calls of one model take longer than all but a hundredth of its calls of late: an estimate of the 99th percentile that
 * each call moves a little, up when it was slower and a ninety-ninth as much down when it was not.
 */
export class SlowCalls {
  #thresholdMs = 0;
  #seen = 0;

  /** Learns of a call. @returns whether it was slow. */
  isSlow(totalMs: number): boolean {
    if (this.#seen < firstCalls) {
      this.#seen += 1;
      if (totalMs > this.#thresholdMs) this.#thresholdMs = totalMs;
      return false;
    }
    const slow = totalMs > this.#thresholdMs;
    this.#thresholdMs *= slow ? 1 + step * (1 - slowShare) : 1 - step * slowShare;
    return slow;
  }
}
