import { meanOfSums, noValues } from '../statistics/value-sums.ts';
import { leaderOf, type BanditState } from './bandit.ts';
import { valueOfReward } from './goal.ts';
import type { GoalPlan } from './plan.ts';
import { isOver, type Phase, type RolloutState } from './state.ts';

/** A bandit in words: what it did, what it found, what to do, and what could be wrong; a line each. */
export function banditWords(state: RolloutState, bandit: BanditState): readonly string[] {
  const { plan, phase, winner } = state;
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
    return `${label}: version ${version} ${isOver(phase) ? 'had' : 'has'} ${shown((bandit.weights[arm] ?? 0) / 100)} % of the traffic, ${mean} (${of})${off}.`;
  });
  const first = phase === 'promoted' ? winner : leaderOf(bandit);
  const leader = plan.arms[first]?.label ?? '';
  const toDo = `To do: ${adviceOf(state, leader, first === 0)}${reasonOf(state)}`;
  const tried = `Tried: ${plan.arms.length} versions of ${plan.model} by ${rules.policy}, each with ${shown(rules.floor * 100)} % at least; rewarded by ${goal.metric}, ${goal.better} is better.`;
  if (phase === 'waiting') return [tried, toDo];
  return [
    tried,
    ...lines,
    `Found: ${leader} ${standing(bandit, goal)}. Lost against the best version of each time, by estimate: ${lost(bandit.regret)} of ${goal.metric} in all; equal shares would have lost ${lost(bandit.equalRegret)}.`,
    toDo,
    `Mind: a bandit's means are not those of an unbiased test, for it tried more of what looked good and less of what looked bad; ask an A/B test for the size of a difference${cautionsOf(bandit)}.`,
  ];
}

function adviceOf({ phase, plan }: RolloutState, leader: string, isStable: boolean): string {
  const goesOn = plan.bandit?.end === undefined ? 'it goes on until somebody ends it' : 'it ends by itself';
  const advice = {
    waiting: 'nothing; it begins when a candidate is ready.',
    running: `nothing; ${goesOn}. promote gives everybody to ${leader} now, abort to the stable version.`,
    paused: 'resume or abort it; shares stay as they are.',
    promoted: `nothing; ${leader} serves everybody. Abort it to go back to the stable version at once.`,
    rolled_back: 'find out why; the stable version serves everybody.',
    aborted: 'nothing; the stable version serves everybody.',
    finished: isStable
      ? `nothing; ${leader}, the stable version, serves everybody.`
      : `choose; the stable version serves everybody until promote, which gives everybody to ${leader}.`,
  } as const satisfies Record<Phase, string>;
  return advice[phase];
}

/** Of its end; people need not give one. */
function reasonOf({ phase, history }: RolloutState): string {
  const why = history.at(-1)?.why ?? '';
  return isOver(phase) && why !== '' ? ` (${why})` : '';
}

/** The probability of being the best from which on a version is called ahead. */
const clear = 0.95;

function standing({ outlook }: BanditState, goal: GoalPlan): string {
  if (outlook === undefined) return 'has most of the traffic, and nothing is known yet';
  const best = `the best with a probability of ${shown(outlook.best)}`;
  const words =
    outlook.best >= clear
      ? `is ahead: ${best}`
      : `has most of the traffic, but is not clearly ahead: ${best}`;
  if (outlook.remaining === 0) return words;
  return `${words}; another one may be better by ${shown(outlook.remaining * (goal.max - goal.min))}`;
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
