import { kolmogorovSurvival } from './special-functions.ts';

export interface KolmogorovSmirnovResult {
  /** D: the greatest distance of the two distribution functions. */
  readonly statistic: number;
  readonly pValue: number;
}

/**
 * The p-value of a distance D, with Stephens' correction for small samples.
 *
 * @param first how many independent values D is of; fewer than were counted where neighbours resemble each other.
 */
export function distancePValue(distance: number, first: number, second: number): number {
  const root = Math.sqrt((first * second) / (first + second));
  return kolmogorovSurvival((root + 0.12 + 0.11 / root) * distance);
}

/** Kolmogorov and Smirnov's test of two samples. */
export function compareDistributions(
  first: readonly number[],
  second: readonly number[],
): KolmogorovSmirnovResult {
  const a = first.toSorted((x, y) => x - y);
  const b = second.toSorted((x, y) => x - y);
  let i = 0;
  let j = 0;
  let statistic = 0;
  while (i < a.length && j < b.length) {
    const at = Math.min(a[i] ?? Infinity, b[j] ?? Infinity);
    while (i < a.length && (a[i] ?? Infinity) <= at) i++;
    while (j < b.length && (b[j] ?? Infinity) <= at) j++;
    statistic = Math.max(statistic, Math.abs(i / a.length - j / b.length));
  }
  return { statistic, pValue: distancePValue(statistic, a.length, b.length) };
}

/** D of counts in the same ascending bins. What moved within a bin is not seen, so it is too small rather than too large. */
export function binnedDistance(first: readonly number[], second: readonly number[]): number {
  const n = first.reduce((total, count) => total + count, 0);
  const m = second.reduce((total, count) => total + count, 0);
  let a = 0;
  let b = 0;
  let distance = 0;
  for (const [index, count] of first.entries()) {
    a += count;
    b += second[index] ?? 0;
    distance = Math.max(distance, Math.abs(a / n - b / m));
  }
  return distance;
}
