import { normalPValue, type Alternative, type Interval } from './alternative.ts';
import { normalQuantile } from './special-functions.ts';

/** How often something happened in so many trials. */
export interface Proportion {
  readonly successes: number;
  readonly count: number;
}

export interface TwoProportionsOptions {
  /** 'different' by default. */
  readonly alternative?: Alternative;
  /** Tests whether the difference exceeds this instead of 0, with unpooled variance. */
  readonly margin?: number;
  /** Of the interval; 0.95 by default. */
  readonly confidence?: number;
}

export interface TwoProportionsResult {
  readonly statistic: number;
  readonly pValue: number;
  /** First less second. */
  readonly difference: number;
  /** Newcombe's, of Wilson's intervals: holds for few events too. */
  readonly interval: Interval;
}

/** The z-test of two proportions, for one look at samples whose size was planned. */
export function compareProportions(
  first: Proportion,
  second: Proportion,
  { alternative = 'different', margin = 0, confidence = 0.95 }: TwoProportionsOptions = {},
): TwoProportionsResult {
  const p = first.successes / first.count;
  const q = second.successes / second.count;
  const pooled = (first.successes + second.successes) / (first.count + second.count);
  const variance =
    margin === 0
      ? pooled * (1 - pooled) * (1 / first.count + 1 / second.count)
      : (p * (1 - p)) / first.count + (q * (1 - q)) / second.count;
  const away = p - q - margin;
  const statistic = away === 0 ? 0 : away / Math.sqrt(variance);
  return {
    statistic,
    pValue: normalPValue(statistic, alternative),
    difference: p - q,
    interval: newcombe(first, second, confidence),
  };
}

/** Wilson's interval of one proportion. */
export function wilsonInterval({ successes, count }: Proportion, confidence = 0.95): Interval {
  const z = normalQuantile((1 + confidence) / 2);
  const p = successes / count;
  const centre = (p + (z * z) / (2 * count)) / (1 + (z * z) / count);
  const half = (z / (1 + (z * z) / count)) * Math.sqrt((p * (1 - p)) / count + (z * z) / (4 * count * count));
  return [Math.max(0, centre - half), Math.min(1, centre + half)];
}

function newcombe(first: Proportion, second: Proportion, confidence: number): Interval {
  const p = first.successes / first.count;
  const q = second.successes / second.count;
  const [pLow, pHigh] = wilsonInterval(first, confidence);
  const [qLow, qHigh] = wilsonInterval(second, confidence);
  return [p - q - Math.hypot(p - pLow, qHigh - q), p - q + Math.hypot(pHigh - p, q - qLow)];
}
