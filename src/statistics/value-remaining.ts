import type { Uniform } from './random-draws.ts';
import { beliefsOf, type Posterior } from './reward-beliefs.ts';
import type { ValueSums } from './value-sums.ts';

/** What giving everything to one arm may still lose. */
export interface ValueRemaining {
  /** The probability that no other arm is better. */
  readonly best: number;
  /** No other is better by more than that, with the probability that was asked for; 0 when it is the best with that probability. */
  readonly remaining: number;
}

export interface RemainingQuestion {
  /** The index of the arm. */
  readonly leader: number;
  /** 0..1. */
  readonly confidence: number;
  readonly posterior: Posterior;
}

/** A probability of 0.95 comes out to half a percent. */
const draws = 2000;

/**
 * The value remaining in an experiment (S. L. Scott, A modern Bayesian look at the multi-armed bandit, 2010, section 5), as a
 * difference and not as a part of the leader's mean: rewards may be near 0.
 *
 * @param arms rewards of 0..1, the leader's among them.
 */
export function valueRemaining(
  arms: readonly ValueSums[],
  { leader, confidence, posterior }: RemainingQuestion,
  random: Uniform,
): ValueRemaining {
  const beliefs = beliefsOf(arms, posterior);
  const lost = new Float64Array(draws);
  let wins = 0;
  for (let draw = 0; draw < draws; draw++) {
    let best = -Infinity;
    let own = -Infinity;
    for (const [arm, believe] of beliefs.entries()) {
      const mean = believe(random);
      if (arm === leader) own = mean;
      if (mean > best) best = mean;
    }
    lost[draw] = best - own;
    if (best === own) wins++;
  }
  lost.sort();
  return { best: wins / draws, remaining: lost[Math.ceil(confidence * draws) - 1] ?? 0 };
}
