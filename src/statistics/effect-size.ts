import type { Interval } from './alternative.ts';
import type { Moments } from './moments.ts';
import { normalQuantile } from './special-functions.ts';
import type { Proportion } from './two-proportions.ts';

export interface Effect {
  readonly value: number;
  readonly interval: Interval;
}

/** Hedges' g: the difference of two means in pooled standard deviations, corrected for small samples. */
export function standardizedDifference(first: Moments, second: Moments, confidence = 0.95): Effect {
  const n = first.count;
  const m = second.count;
  const pooled = Math.sqrt((first.squares + second.squares) / (n + m - 2));
  const value = ((first.mean - second.mean) / pooled) * (1 - 3 / (4 * (n + m) - 9));
  const half =
    normalQuantile((1 + confidence) / 2) * Math.sqrt((n + m) / (n * m) + (value * value) / (2 * (n + m)));
  return { value, interval: [value - half, value + half] };
}

/** By what factor the first proportion is the second, with Katz's interval. Infinite or NaN where nothing happened in the second. */
export function relativeRisk(first: Proportion, second: Proportion, confidence = 0.95): Effect {
  const value = first.successes / first.count / (second.successes / second.count);
  const error = Math.sqrt(1 / first.successes - 1 / first.count + 1 / second.successes - 1 / second.count);
  const factor = Math.exp(normalQuantile((1 + confidence) / 2) * error);
  return { value, interval: [value / factor, value * factor] };
}

/** Cohen's h: the difference of two proportions on a scale where the same effect is as hard to find everywhere. */
export function cohensH(first: number, second: number): number {
  return 2 * Math.asin(Math.sqrt(first)) - 2 * Math.asin(Math.sqrt(second));
}
