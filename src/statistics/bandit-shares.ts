import type { Uniform } from './random-draws.ts';
import { beliefsOf, type Posterior } from './reward-beliefs.ts';
import { meanOfSums, type ValueSums } from './value-sums.ts';

/**
 * epsilon-greedy: the best so far, and a part for all. ucb1: whichever could be the best by its upper bound. thompson: each as
 * often as it is the best by what is known.
 */
export const banditPolicies = ['thompson', 'ucb1', 'epsilon-greedy'] as const;

export type BanditPolicy = (typeof banditPolicies)[number];

export interface BanditRule {
  readonly policy: BanditPolicy;
  /** Of epsilon-greedy: the part that all arms share. */
  readonly epsilon: number;
  /** What each arm has at least, 0..1; times the arms at most 1. */
  readonly floor: number;
  /** Of thompson. */
  readonly posterior: Posterior;
}

/** Times that chance is asked which arm is best: shares come out to one or two percent. */
const draws = 1000;

/** Parts in which an interval's requests are given to upper bounds, so that none of them gets all. */
const parts = 100;

/**
 * The part of the next requests that each arm gets, in their order; together 1.
 *
 * @param arms rewards of 0..1, discounted where older ones count less. At least one.
 */
export function banditShares(
  arms: readonly ValueSums[],
  { policy, epsilon, floor, posterior }: BanditRule,
  random: Uniform,
): readonly number[] {
  const shares =
    policy === 'epsilon-greedy'
      ? greedyShares(arms, epsilon)
      : policy === 'ucb1'
        ? upperBoundShares(arms)
        : thompsonShares(arms, posterior, random);
  const least = Math.min(floor, 1 / arms.length);
  return shares.map((share) => least + (1 - least * arms.length) * share);
}

/** Whoever has not been tried could be the best. */
function greedyShares(arms: readonly ValueSums[], epsilon: number): readonly number[] {
  const untried = arms.filter(({ count }) => count < 1).length;
  const best = untried > 0 ? -1 : highest(arms.map(meanOfSums));
  return arms.map(({ count }, arm) => {
    const favoured = untried > 0 ? Number(count < 1) / untried : Number(arm === best);
    return epsilon / arms.length + (1 - epsilon) * favoured;
  });
}

/** As if the requests that were seen came once more, a part after the other, and rewarded as they did. */
function upperBoundShares(arms: readonly ValueSums[]): readonly number[] {
  const counts = arms.map(({ count }) => count);
  const means = arms.map(meanOfSums);
  let total = counts.reduce((sum, count) => sum + count, 0);
  const size = Math.max(1, total / parts / 10);
  const given = arms.map(() => 0);
  for (let part = 0; part < parts; part++) {
    const bounds = arms.map((_, arm) => {
      const count = counts[arm] ?? 0;
      return count < 1 ? Infinity : (means[arm] ?? 0) + Math.sqrt((2 * Math.log(Math.max(total, 1))) / count);
    });
    const chosen = highest(bounds);
    given[chosen] = (given[chosen] ?? 0) + 1;
    counts[chosen] = (counts[chosen] ?? 0) + size;
    total += size;
  }
  return given.map((count) => count / parts);
}

function thompsonShares(
  arms: readonly ValueSums[],
  posterior: Posterior,
  random: Uniform,
): readonly number[] {
  const won = arms.map(() => 0);
  const beliefs = beliefsOf(arms, posterior);
  for (let draw = 0; draw < draws; draw++) {
    const winner = highest(beliefs.map((believe) => believe(random)));
    won[winner] = (won[winner] ?? 0) + 1;
  }
  return won.map((count) => count / draws);
}

/** The first of the highest. */
function highest(values: readonly number[]): number {
  let best = 0;
  for (const [index, value] of values.entries()) if (value > (values[best] ?? -Infinity)) best = index;
  return best;
}
