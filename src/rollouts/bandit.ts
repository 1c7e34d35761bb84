import { z } from 'zod';
import { wholeWeight } from '../inference/traffic-split.ts';
import { banditShares } from '../statistics/bandit-shares.ts';
import type { Posterior } from '../statistics/reward-beliefs.ts';
import { valueRemaining } from '../statistics/value-remaining.ts';
import { addSums, meanOfSums, noValues, scaleSums, type ValueSums } from '../statistics/value-sums.ts';
import { seededRandom } from '../util/seeded-random.ts';
import { hashText } from '../util/string-hash.ts';
import { accuracyMetric } from '../inference/arm-metrics.ts';
import { successMetric, type BanditPlan, type GoalPlan, type RolloutPlan } from './plan.ts';

/** Entries of the history of shares; when there are more, every other one is left out. */
const mostShares = 200;

const count = z.number().min(0);
const sums = z.object({ count, sum: count, squares: count });
const weight = z.int().min(0).max(wholeWeight);

/** As it is stored. All lists are in the order of the plan's arms. */
export const banditState = z.object({
  weights: z.array(weight),
  requests: z.array(count),
  /** Rewards, of which older ones count less. */
  rewards: z.array(sums),
  /** Since the weights were last computed. */
  fresh: z.array(sums),
  /** All of them. */
  totals: z.array(sums),
  sinceMs: count,
  updates: count,
  /** What was lost, in rewards, against the best arm of each time; and what equal shares would have lost. */
  regret: count,
  equalRegret: count,
  /** Arms that guards have shown to be harmful. */
  dropped: z.array(z.string()),
  guards: z.array(
    z.object({ tests: z.record(z.string(), z.unknown()), durations: z.array(count).readonly() }),
  ),
  shares: z.array(z.object({ atEpochMs: z.number(), weights: z.array(weight) })),
  /** What is known of the arm that has most, of those that are not dropped; undefined before it is known. */
  outlook: z.object({ leader: z.int().min(0), best: z.number(), remaining: z.number() }).optional(),
});

export type BanditState = z.output<typeof banditState>;

export function newBandit({ arms }: Pick<RolloutPlan, 'arms'>): BanditState {
  const none = arms.map(() => noValues);
  return {
    // The stable version alone, until candidates are ready.
    weights: arms.map((_, index) => (index === 0 ? wholeWeight : 0)),
    requests: arms.map(() => 0),
    rewards: none,
    fresh: none,
    totals: none,
    sinceMs: 0,
    updates: 0,
    regret: 0,
    equalRegret: 0,
    dropped: [],
    guards: [],
    shares: [],
  };
}

/** Takes in what all arms have earned in the last `elapsedMs`. */
export function earn(state: BanditState, earned: readonly ValueSums[], elapsedMs: number): BanditState {
  const plus = (before: readonly ValueSums[]): ValueSums[] =>
    before.map((one, arm) => addSums(one, earned[arm] ?? noValues));
  return {
    ...state,
    fresh: plus(state.fresh),
    totals: plus(state.totals),
    sinceMs: state.sinceMs + elapsedMs,
  };
}

export interface BanditMoment {
  /** Of each arm, whether it can have traffic. */
  readonly open: readonly boolean[];
  readonly atEpochMs: number;
}

/**
 * Whether new weights are to be computed: it is time, or an arm has come. One that has gone keeps its own until it is time, for the
 * process that decides may only just have started: requests for it go to the stable version meanwhile.
 */
export function isDue(
  state: BanditState,
  { bandit }: { readonly bandit: BanditPlan },
  open: readonly boolean[],
): boolean {
  if (state.sinceMs >= bandit.intervalMs) return true;
  if (bandit.floor * wholeWeight < 1 && state.updates > 0) return false;
  return open.some((isOpen, arm) => isOpen && state.weights[arm] === 0);
}

interface BanditRules {
  readonly arms: RolloutPlan['arms'];
  readonly goal: GoalPlan;
  readonly bandit: BanditPlan;
  readonly salt: string;
}

/** Computes the weights anew. The same state gives the same weights wherever it is computed. */
export function reweigh(
  state: BanditState,
  rules: BanditRules,
  { open, atEpochMs }: BanditMoment,
): BanditState {
  const { bandit, goal, salt } = rules;
  const isInterval = state.sinceMs >= bandit.intervalMs;
  const hasNews = state.fresh.some((one) => one.count > 0);
  // A night without rewards makes nobody forget what was learnt.
  const discount = isInterval && hasNews ? bandit.discount : 1;
  const rewards = state.rewards.map((one, arm) =>
    addSums(scaleSums(one, discount), state.fresh[arm] ?? noValues),
  );
  const lost = regretOf(state.fresh, rewards, open);
  const chosen = rewards.filter((_, arm) => open[arm] === true);
  const posterior = posteriorOf(goal);
  const random = seededRandom(hashText(`${salt} ${state.updates}`, 0));
  const shares = chosen.length === 0 ? [] : banditShares(chosen, { ...bandit, posterior }, random);
  const weights = weightsOf(shares, open);
  return {
    ...state,
    outlook: outlookOf({ ...state, rewards, weights }, rules, random),
    rewards,
    fresh: state.fresh.map(() => noValues),
    sinceMs: isInterval ? 0 : state.sinceMs,
    updates: state.updates + 1,
    regret: state.regret + lost.own,
    equalRegret: state.equalRegret + lost.equal,
    weights,
    shares: withShares(state.shares, { atEpochMs, weights }),
  };
}

function posteriorOf({ metric }: GoalPlan): Posterior {
  return metric === successMetric || metric === accuracyMetric ? 'beta' : 'normal';
}

/** How sure to be of the leader where nobody says. */
const usualConfidence = 0.95;

/** Of all arms that are not dropped: one whose version is away for a moment may still be the best. */
function outlookOf(
  state: BanditState,
  { arms, goal, bandit }: BanditRules,
  random: () => number,
): BanditState['outlook'] {
  const leader = leaderOf(state);
  const isAlive = (arm: number): boolean => !state.dropped.includes(arms[arm]?.label ?? '');
  if (!isAlive(leader)) return undefined;
  const alive = state.rewards.filter((_, arm) => isAlive(arm));
  const place = state.rewards.slice(0, leader).filter((_, arm) => isAlive(arm)).length;
  const confidence = bandit.end?.confidence ?? usualConfidence;
  const question = { leader: place, confidence, posterior: posteriorOf(goal) };
  return { leader, ...valueRemaining(alive, question, random) };
}

/** In ten-thousandths, which add up: what rounding leaves over goes to the greatest. Without any arm the stable one stays. */
function weightsOf(shares: readonly number[], open: readonly boolean[]): number[] {
  let next = 0;
  const weights = open.map((isOpen) => (isOpen ? Math.floor((shares[next++] ?? 0) * wholeWeight) : 0));
  const left = wholeWeight - weights.reduce((sum, one) => sum + one, 0);
  const greatest = shares.length === 0 ? 0 : weights.indexOf(Math.max(...weights));
  weights[greatest] = (weights[greatest] ?? 0) + left;
  return weights;
}

function regretOf(
  fresh: readonly ValueSums[],
  rewards: readonly ValueSums[],
  open: readonly boolean[],
): { readonly own: number; readonly equal: number } {
  const known = rewards.map(({ count: seen }, arm) => open[arm] === true && seen >= 1);
  const best = Math.max(0, ...rewards.filter((_, arm) => known[arm]).map(meanOfSums));
  const arms = known.filter(Boolean).length;
  let own = 0;
  let gaps = 0;
  let all = 0;
  for (const [arm, one] of rewards.entries()) {
    if (known[arm] !== true) continue;
    const gap = best - meanOfSums(one);
    const pulls = fresh[arm]?.count ?? 0;
    own += pulls * gap;
    gaps += gap;
    all += pulls;
  }
  return { own, equal: arms === 0 ? 0 : (all * gaps) / arms };
}

type Shares = BanditState['shares'];

/** One percent of the traffic: less is noise. */
const leastChange = 100;

function withShares(shares: Shares, now: Shares[number]): Shares {
  const last = shares.at(-1);
  const moved = now.weights.some((one, arm) => Math.abs(one - (last?.weights[arm] ?? 0)) >= leastChange);
  if (last !== undefined && !moved) return shares;
  const all = [...shares, now];
  return all.length <= mostShares
    ? all
    : all.filter((_, index) => index % 2 === 0 || index === all.length - 1);
}

/** An arm gets nothing any more; what it had, the stable version gets until weights are computed again. */
export function dropArm(state: BanditState, arms: RolloutPlan['arms'], label: string): BanditState {
  const dropped = arms.findIndex((arm) => arm.label === label);
  const weights = state.weights.map((own, arm) => {
    if (arm === dropped) return 0;
    return arm === 0 ? own + (state.weights[dropped] ?? 0) : own;
  });
  return { ...state, weights, dropped: [...state.dropped, label] };
}

/** The index of the arm that has most of the traffic: the best by what is known. The first of equals. */
export function leaderOf({ weights }: BanditState): number {
  return weights.indexOf(Math.max(...weights));
}
