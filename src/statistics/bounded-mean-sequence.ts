import type { Interval } from './alternative.ts';

/** All of a sequence but its alpha; JSON. */
export interface BoundedMeanState {
  readonly count: number;
  readonly sum: number;
  readonly squares: number;
  readonly weights: number;
  readonly weighed: number;
  readonly spread: number;
  readonly low: number;
  readonly high: number;
}

/** Bets above it make one surprising value cost too much; between 1/2 and 3/4 are usual. */
const greatestBet = 0.5;

/**
 * Intervals for the mean of values in 0..1, to be looked at after every observation: all of them contain the mean with probability
 * 1 - alpha, and they shrink with the variance. Exact for any distribution with that mean: the predictable plug-in empirical
 * Bernstein sequence of Waudby-Smith and Ramdas.
 */
export class BoundedMeanSequence {
  readonly #alpha: number;
  #count = 0;
  #sum = 0;
  #squares = 0;
  #weights = 0;
  #weighed = 0;
  #spread = 0;
  #low = 0;
  #high = 1;

  constructor(alpha: number) {
    this.#alpha = alpha;
  }

  /** undefined where `state` is no state of such a sequence. */
  static restore(alpha: number, state: unknown): BoundedMeanSequence | undefined {
    if (typeof state !== 'object' || state === null) return undefined;
    const fields: Partial<Record<keyof BoundedMeanState, unknown>> = state;
    const { count, sum, squares, weights, weighed, spread, low, high } = fields;
    const numbers = [count, sum, squares, weights, weighed, spread, low, high].filter(isCount);
    const [n, total, deviations, bets, won, cost, from, to] = numbers;
    if (to === undefined || n === undefined || total === undefined || total > n) return undefined;
    const sequence = new BoundedMeanSequence(alpha);
    sequence.#count = n;
    sequence.#sum = total;
    sequence.#squares = deviations ?? 0;
    sequence.#weights = bets ?? 0;
    sequence.#weighed = won ?? 0;
    sequence.#spread = cost ?? 0;
    sequence.#low = from ?? 0;
    sequence.#high = to;
    return sequence;
  }

  /** @param value 0..1; what is beyond is cut off. */
  observe(value: number): void {
    if (Number.isNaN(value)) return;
    const x = Math.min(Math.max(value, 0), 1);
    const t = this.#count + 1;
    const mean = (this.#sum + 0.5) / t;
    const variance = (this.#squares + 0.25) / t;
    const threshold = Math.log(2 / this.#alpha);
    const bet = Math.min(Math.sqrt((2 * threshold) / (variance * t * Math.log(1 + t))), greatestBet);
    this.#weights += bet;
    this.#weighed += bet * x;
    this.#spread += (x - mean) ** 2 * (-Math.log(1 - bet) - bet);
    this.#count = t;
    this.#sum += x;
    this.#squares += (x - (this.#sum + 0.5) / (t + 1)) ** 2;
    const half = (threshold + this.#spread) / this.#weights;
    const centre = this.#weighed / this.#weights;
    this.#low = Math.max(this.#low, centre - half);
    this.#high = Math.min(this.#high, centre + half);
  }

  /** The intersection of all intervals so far. */
  interval(): Interval {
    return [this.#low, this.#high];
  }

  state(): BoundedMeanState {
    return {
      count: this.#count,
      sum: this.#sum,
      squares: this.#squares,
      weights: this.#weights,
      weighed: this.#weighed,
      spread: this.#spread,
      low: this.#low,
      high: this.#high,
    };
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < Infinity;
}
