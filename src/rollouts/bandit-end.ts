import { meanOfSums, noValues } from '../statistics/value-sums.ts';
import type { BanditState } from './bandit.ts';
import { valueOfReward } from './goal.ts';
import type { BanditEndPlan, RolloutPlan } from './plan.ts';
import { shownMinutes } from './shown-minutes.ts';
import type { RolloutState } from './state.ts';

export type BanditEnd =
  /** `why` says what is waited for. */
  | { readonly kind: 'open'; readonly why: string }
  /** An arm is the best, or as good as that. */
  | { readonly kind: 'clear'; readonly leader: number; readonly why: string }
  /** The time is up, and none is. */
  | { readonly kind: 'unclear'; readonly why: string };

/** Whether a bandit that ends by itself has come to its end. Pure. */
export function endOf({ plan, stepMs }: RolloutState, bandit: BanditState, end: BanditEndPlan): BanditEnd {
  const open = whatIsMissing(plan, bandit, end, stepMs);
  if (open === '' && bandit.outlook !== undefined) {
    return { kind: 'clear', leader: bandit.outlook.leader, why: clearWords(plan, bandit, end) };
  }
  if (end.mostMs !== undefined && stepMs >= end.mostMs) {
    return { kind: 'unclear', why: `${shownMinutes(end.mostMs)} have passed, and still: ${open}` };
  }
  return { kind: 'open', why: open };
}

/** '' where nothing is. */
function whatIsMissing(
  plan: RolloutPlan,
  { totals, dropped, outlook }: BanditState,
  { effect, minSamples, minMs }: BanditEndPlan,
  elapsedMs: number,
): string {
  for (const [arm, { label }] of plan.arms.entries()) {
    const { count } = totals[arm] ?? noValues;
    if (count < minSamples && !dropped.includes(label)) {
      return `${label} has ${Math.round(count)} of ${minSamples} observations`;
    }
  }
  const leader = plan.arms[outlook?.leader ?? -1];
  if (outlook === undefined || leader === undefined) return 'nothing is known of the versions yet';
  if (outlook.remaining > effect) {
    const { goal } = plan;
    const unit = goal === undefined ? 1 : goal.max - goal.min;
    return `another version may be better than ${leader.label} by ${shown(outlook.remaining * unit)}, and it ends at ${shown(effect * unit)}`;
  }
  return elapsedMs < minMs ? `${shownMinutes(minMs - elapsedMs)} left of its least time` : '';
}

function clearWords(
  { arms, goal }: RolloutPlan,
  { outlook, rewards, totals }: BanditState,
  { effect, confidence }: BanditEndPlan,
): string {
  const leader = outlook?.leader ?? 0;
  if (goal === undefined || outlook === undefined)
    throw new Error('bug: the end of a bandit without an outlook');
  const mean = shown(valueOfReward(goal, meanOfSums(rewards[leader] ?? noValues)));
  const seen = Math.round(totals[leader]?.count ?? 0);
  const worth = shown(effect * (goal.max - goal.min));
  const label = arms[leader]?.label ?? '';
  return `no other version is better than ${label} by more than ${worth} with a probability of ${confidence}, and ${label} is the best with one of ${shown(outlook.best)}: ${goal.metric} ${mean} in ${seen} observations`;
}

function shown(value: number): string {
  return `${Number(value.toPrecision(4))}`;
}
