import type { Interval } from './alternative.ts';
import { logBeta } from './special-functions.ts';
import { restoreStream, Stream, type StreamCount } from './stream.ts';

/** Halvings of an interval of at most 1. */
const halvings = 40;

/**
 * What is known about one proportion at any time: intervals that may be looked at after every observation, all of which contain the
 * truth with probability 1 - alpha. Exact, by Robbins' mixture of likelihood ratios over a uniform distribution.
 */
export class ProportionSequence {
  readonly #seen = new Stream();

  /** undefined where `state` is no state of a sequence. */
  static restore(state: unknown): ProportionSequence | undefined {
    const sequence = new ProportionSequence();
    return restoreStream(sequence.#seen, state) ? sequence : undefined;
  }

  observe(successes: number, count = 1): void {
    this.#seen.add(successes, count);
  }

  state(): StreamCount {
    return this.#seen.state();
  }

  /** Always valid: how surprising what was seen would be if this were the proportion. */
  pValue(proportion: number): number {
    return Math.min(1, Math.exp(-this.#logEvidence(proportion)));
  }

  interval(alpha: number): Interval {
    const mean = this.#seen.mean();
    if (this.#seen.count === 0) return [0, 1];
    const threshold = -Math.log(alpha);
    return [this.#end(mean, 0, threshold), this.#end(mean, 1, threshold)];
  }

  /** Natural logarithm of the mixture's likelihood over that of the proportion. */
  #logEvidence(proportion: number): number {
    const { count, sum } = this.#seen;
    const likelihood =
      (sum > 0 ? sum * Math.log(proportion) : 0) +
      (count > sum ? (count - sum) * Math.log(1 - proportion) : 0);
    return logBeta(1 + sum, 1 + count - sum) - likelihood;
  }

  /** Between a proportion that is plausible and one outside. */
  #end(plausible: number, bound: number, threshold: number): number {
    if (this.#logEvidence(bound) <= threshold) return bound;
    let inside = plausible;
    let outside = bound;
    for (let i = 0; i < halvings; i++) {
      const middle = (inside + outside) / 2;
      if (this.#logEvidence(middle) > threshold) outside = middle;
      else inside = middle;
    }
    return outside;
  }
}
