import type { Histogram } from '../inference/statistics.ts';

/** A histogram of durations in a run of numbers: one for each bucket, one for what is above all bounds, and the sum. */
export class HistogramCells {
  /** Upper ends of the buckets in milliseconds, inclusive and ascending. */
  readonly boundsMs: readonly number[];
  readonly #start: number;
  readonly #bounds: Float64Array;

  /** @param start Where its numbers begin; `length` many. */
  constructor(start: number, boundsMs: readonly number[]) {
    this.boundsMs = boundsMs;
    this.#start = start;
    this.#bounds = Float64Array.from(boundsMs);
  }

  get length(): number {
    return this.#bounds.length + 2;
  }

  /** Where the numbers of the next one may begin. */
  get end(): number {
    return this.#start + this.length;
  }

  add(numbers: Float64Array, ms: number): void {
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && ms > (bounds[bucket] ?? 0)) bucket++;
    const at = this.#start + bucket;
    numbers[at] = (numbers[at] ?? 0) + 1;
    const sum = this.#start + bounds.length + 1;
    numbers[sum] = (numbers[sum] ?? 0) + ms;
  }

  read(numbers: Float64Array): Histogram {
    const sumAt = this.#start + this.#bounds.length + 1;
    return {
      bounds: this.boundsMs,
      counts: Array.from(numbers.subarray(this.#start, sumAt)),
      sum: numbers[sumAt] ?? 0,
    };
  }
}

/** @param histograms of the same bounds. */
export function sumHistograms(a: Histogram, b: Histogram): Histogram {
  return {
    bounds: a.bounds,
    counts: a.counts.map((count, bucket) => count + (b.counts[bucket] ?? 0)),
    sum: a.sum + b.sum,
  };
}
