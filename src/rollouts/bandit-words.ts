import { meanOfSums, momentsOfSums, noValues } from '../statistics/value-sums.ts';
import { leaderOf, type BanditState } from './bandit.ts';
import { valueOfReward } from './goal.ts';
import type { Phase, RolloutState } from './state.ts';

/** A bandit in words: what it did, what it found, what to do, and what could be wrong; a line each. */
export function banditWords({ plan, phase, winner }: RolloutState, bandit: BanditState): readonly string[] {
  const { goal, bandit: rules } = plan;
  if (goal === undefined || rules === undefined) throw new Error('bug: a bandit without a goal');
  const value = (reward: number): string => shown(valueOfReward(goal, reward));
  const lost = (regret: number): string => shown(regret * (goal.max - goal.min));
  const lines = plan.arms.map(({ label, version }, arm) => {
    const total = bandit.totals[arm] ?? noValues;
    const recent = bandit.rewards[arm] ?? noValues;
    const mean = total.count === 0 ? 'no rewards yet' : `${goal.metric} ${value(meanOfSums(recent))}`;
    const of = `${Math.round(total.count)} observations`;
    const off = bandit.dropped.includes(label) ? '; dropped, because a guard has shown harm' : '';
    return `${label}: version ${version} has ${shown((bandit.weights[arm] ?? 0) / 100)} % of the traffic, ${mean} (${of})${off}.`;
  });
  const leader = plan.arms[phase === 'promoted' ? winner : leaderOf(bandit)];
  return [
    `Tried: ${plan.arms.length} versions of ${plan.model} by ${rules.policy}, each with ${shown(rules.floor * 100)} % at least; rewarded by ${goal.metric}, ${goal.better} is better.`,
    ...lines,
    `Found: ${leader?.label ?? ''} ${isClear(bandit) ? 'is ahead' : 'has most of the traffic, but is not clearly ahead'}. Lost against the best version of each time, by estimate: ${lost(bandit.regret)} of ${goal.metric} in all; equal shares would have lost ${lost(bandit.equalRegret)}.`,
    adviceOf(phase, leader?.label ?? ''),
    `Mind: a bandit's means are not those of an unbiased test, for it tried more of what looked good and less of what looked bad; ask an A/B test for the size of a difference${cautionsOf(bandit)}.`,
  ];
}

function adviceOf(phase: Phase, leader: string): string {
  const advice = {
    waiting: 'To do: nothing; it begins when a candidate is ready.',
    running: `To do: nothing; it goes on by itself. promote gives everybody to ${leader}, abort to the stable version.`,
    paused: 'To do: resume or abort it; shares stay as they are.',
    promoted: `To do: nothing; ${leader} serves everybody. Abort it to go back to the stable version at once.`,
    rolled_back: 'To do: find out why; the stable version serves everybody.',
    aborted: 'To do: nothing; the stable version serves everybody.',
    finished: 'To do: choose; the stable version serves everybody until promote.',
  } as const satisfies Record<Phase, string>;
  return advice[phase];
}

/** Standard errors by which the leader is ahead of whoever is next. */
const clearErrors = 2;

function isClear(bandit: BanditState): boolean {
  const leader = momentsOfSums(bandit.rewards[leaderOf(bandit)] ?? noValues);
  return bandit.rewards.every((one, arm) => {
    if (arm === leaderOf(bandit)) return true;
    const other = momentsOfSums(one);
    if (other.count < 2 || leader.count < 2) return false;
    const error = Math.sqrt(leader.variance() / leader.count + other.variance() / other.count);
    return leader.mean - other.mean > clearErrors * error;
  });
}

/** Observations of a version below which little is known of it. */
const fewObservations = 100;

function cautionsOf({ totals }: BanditState): string {
  return totals.some(({ count }) => count < fewObservations)
    ? '; of some versions too little was seen to say much'
    : '';
}

function shown(value: number): string {
  return `${Number(value.toPrecision(4))}`;
}
