import { normalCdf, normalQuantile } from './special-functions.ts';

export interface Plan {
  /** 0.05 by default. */
  readonly alpha?: number;
  /** The probability of finding what is there; 0.8 by default. */
  readonly power?: number;
  /** 2 by default: both directions. */
  readonly sides?: 1 | 2;
  /** Observations of the second for each one of the first; 1 by default. */
  readonly ratio?: number;
}

function quantiles({ alpha = 0.05, power = 0.8, sides = 2 }: Plan): { error: number; miss: number } {
  return { error: normalQuantile(1 - alpha / sides), miss: normalQuantile(power) };
}

/** Observations of the first that a z-test of two proportions needs, for one look at the end. Not rounded. */
export function sampleSizeOfProportions(first: number, second: number, plan: Plan = {}): number {
  const { ratio = 1 } = plan;
  const { error, miss } = quantiles(plan);
  const pooled = (first + ratio * second) / (1 + ratio);
  const without = Math.sqrt((1 + 1 / ratio) * pooled * (1 - pooled));
  const withEffect = Math.sqrt(first * (1 - first) + (second * (1 - second)) / ratio);
  return ((error * without + miss * withEffect) / (first - second)) ** 2;
}

/**
 * Observations of the first that a comparison of two means needs, for one look at the end. Not rounded.
 *
 * @param effect in standard deviations.
 */
export function sampleSizeOfMeans(effect: number, plan: Plan = {}): number {
  const { ratio = 1 } = plan;
  const { error, miss } = quantiles(plan);
  return (1 + 1 / ratio) * ((error + miss) / effect) ** 2;
}

/** The probability of finding a difference of two proportions with so many observations of the first. */
export function powerOfProportions(first: number, second: number, count: number, plan: Plan = {}): number {
  const { alpha = 0.05, sides = 2, ratio = 1 } = plan;
  const error = normalQuantile(1 - alpha / sides);
  const pooled = (first + ratio * second) / (1 + ratio);
  const without = Math.sqrt((1 + 1 / ratio) * pooled * (1 - pooled));
  const withEffect = Math.sqrt(first * (1 - first) + (second * (1 - second)) / ratio);
  return normalCdf((Math.abs(first - second) * Math.sqrt(count) - error * without) / withEffect);
}
