import { normalCdf } from './special-functions.ts';

/** What is looked for: that the first is greater than the second, less, or either. */
export type Alternative = 'different' | 'greater' | 'less';

/** The lower and the upper end. */
export type Interval = readonly [low: number, high: number];

/** How likely a statistic as extreme as this one is when nothing differs. */
export function normalPValue(z: number, alternative: Alternative): number {
  if (alternative === 'greater') return normalCdf(-z);
  return alternative === 'less' ? normalCdf(z) : Math.min(1, 2 * normalCdf(-Math.abs(z)));
}
