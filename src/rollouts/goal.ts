import { noValues, sumsOfSuccesses, type ValueSums } from '../statistics/value-sums.ts';
import type { ArmDelta } from './arm-delta.ts';
import { successMetric, type GoalPlan } from './plan.ts';

/** What an arm has earned: values of 0..1, of which more is better. */
export function rewardsOf(goal: GoalPlan, delta: ArmDelta): ValueSums {
  if (goal.metric === successMetric) {
    const { requests, failures, invalid } = delta;
    return sumsOfSuccesses(Math.max(0, requests - failures - invalid), requests);
  }
  const values = delta.metrics[goal.metric] ?? noValues;
  return goal.better === 'higher' ? values : turned(values);
}

/** 1 less each value. */
function turned({ count, sum, squares }: ValueSums): ValueSums {
  return { count, sum: count - sum, squares: Math.max(0, count - 2 * sum + squares) };
}

/** A reward as the metric's value. */
export function valueOfReward({ better, min, max }: GoalPlan, reward: number): number {
  return better === 'higher' ? min + reward * (max - min) : max - reward * (max - min);
}
