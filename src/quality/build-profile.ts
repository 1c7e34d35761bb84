import { Moments } from '../statistics/moments.ts';
import {
  maxCategories,
  quantileBins,
  type CategoryProfile,
  type FeatureProfile,
  type NumberProfile,
} from './profile.ts';

/** NaN, null and undefined are missing values. */
export type ColumnValue = number | string | null | undefined;

/** Numbers as far as all that is not missing is a number; otherwise categories. */
export function profileColumn(name: string, values: readonly ColumnValue[]): FeatureProfile {
  return values.some((value) => typeof value === 'string')
    ? profileCategories(name, values)
    : profileNumbers(
        name,
        values.map((value) => (typeof value === 'number' ? value : Number.NaN)),
      );
}

/** @param values in any order; infinite ones count as missing. */
export function profileNumbers(name: string, values: readonly number[] | Float64Array): NumberProfile {
  const sorted = Float64Array.from(values.filter((value) => Number.isFinite(value))).sort();
  const edges = quantileEdges(sorted);
  const counts = Array.from({ length: edges.length + 1 }, () => 0);
  for (const value of sorted) {
    const bin = binOf(edges, value);
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  const moments = Moments.of(sorted);
  return {
    kind: 'number',
    name,
    missing: values.length - sorted.length,
    edges,
    counts,
    mean: moments.mean,
    deviation: Math.sqrt(moments.count > 1 ? moments.variance() : 0),
  };
}

/** Ascending and all different, from the least to the greatest value. */
function quantileEdges(sorted: Float64Array): number[] {
  const least = sorted[0] ?? 0;
  const greatest = sorted.at(-1) ?? 0;
  const edges = [least];
  for (let bin = 1; bin < quantileBins; bin++) {
    const edge = sorted[Math.floor((bin * sorted.length) / quantileBins)] ?? greatest;
    if (edge > (edges.at(-1) ?? edge)) edges.push(edge);
  }
  if (greatest > (edges.at(-1) ?? greatest)) edges.push(greatest);
  // A feature that is always the same still needs a bin to be in.
  if (edges.length === 1) edges.push(nextAbove(least));
  return edges;
}

function nextAbove(value: number): number {
  return value + Math.max(Math.abs(value) * 1e-9, 1e-9);
}

/** 0 below the first edge, `edges.length` above the last; the last edge itself belongs to the bin below it. */
export function binOf(edges: ArrayLike<number>, value: number): number {
  const last = edges.length - 1;
  if (value === edges[last]) return last;
  let low = 0;
  let high = edges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((edges[middle] ?? Infinity) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function profileCategories(name: string, values: readonly ColumnValue[]): CategoryProfile {
  const found = new Map<string, number>();
  let missing = 0;
  for (const value of values) {
    if (value === null || value === undefined || Number.isNaN(value)) missing++;
    else found.set(categoryOf(value), (found.get(categoryOf(value)) ?? 0) + 1);
  }
  return categoriesOf(name, found, missing);
}

/** The most frequent ones by name, and the others together. */
export function categoriesOf(
  name: string,
  found: ReadonlyMap<string, number>,
  missing: number,
): CategoryProfile {
  const ranked = [...found].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  const named = ranked.slice(0, maxCategories);
  const others = ranked.slice(maxCategories).reduce((sum, [, count]) => sum + count, 0);
  return {
    kind: 'category',
    name,
    missing,
    values: named.map(([value]) => value),
    counts: [...named.map(([, count]) => count), others],
  };
}

/** Longer texts are told apart by their beginnings only. */
export function categoryOf(value: string | number): string {
  return String(value).slice(0, 64);
}
