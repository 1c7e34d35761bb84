import type { Alternative, Interval } from './alternative.ts';
import type { Moments } from './moments.ts';
import { studentTwoSided, studentTwoSidedQuantile } from './special-functions.ts';

export interface WelchResult {
  readonly statistic: number;
  readonly degreesOfFreedom: number;
  readonly pValue: number;
  /** Mean of the first less that of the second. */
  readonly difference: number;
  readonly interval: Interval;
}

/**
 * Welch's t-test of two means, whose variances may differ. For one look at samples whose size was planned.
 *
 * @param confidence of the interval of the difference.
 */
export function compareMeans(
  first: Moments,
  second: Moments,
  alternative: Alternative = 'different',
  confidence = 0.95,
): WelchResult {
  const u = first.variance() / first.count;
  const v = second.variance() / second.count;
  const error = Math.sqrt(u + v);
  const difference = first.mean - second.mean;
  const statistic = difference === 0 ? 0 : difference / error;
  const degreesOfFreedom = (u + v) ** 2 / (u ** 2 / (first.count - 1) + v ** 2 / (second.count - 1));
  const twoSided = studentTwoSided(statistic, degreesOfFreedom);
  const half = error * studentTwoSidedQuantile(1 - confidence, degreesOfFreedom);
  return {
    statistic,
    degreesOfFreedom,
    pValue: oneSided(twoSided, alternative === 'less' ? -statistic : statistic, alternative),
    difference,
    interval: [difference - half, difference + half],
  };
}

function oneSided(twoSided: number, statistic: number, alternative: Alternative): number {
  if (alternative === 'different') return twoSided;
  return statistic > 0 ? twoSided / 2 : 1 - twoSided / 2;
}
