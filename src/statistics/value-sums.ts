import { Moments } from './moments.ts';

/** How many values there were, their sum and that of their squares: to be added up over threads, processes and time; JSON. */
export interface ValueSums {
  /** May be a fraction where older values count less. */
  readonly count: number;
  readonly sum: number;
  readonly squares: number;
}

export const noValues: ValueSums = { count: 0, sum: 0, squares: 0 };

export function addSums(one: ValueSums, other: ValueSums): ValueSums {
  return {
    count: one.count + other.count,
    sum: one.sum + other.sum,
    squares: one.squares + other.squares,
  };
}

/** Each value counts for so much. @param factor 0..1. */
export function scaleSums({ count, sum, squares }: ValueSums, factor: number): ValueSums {
  return { count: count * factor, sum: sum * factor, squares: squares * factor };
}

/** Of values that are 0 or 1. */
export function sumsOfSuccesses(successes: number, count: number): ValueSums {
  return { count, sum: successes, squares: successes };
}

/** 0 without values. */
export function meanOfSums({ count, sum }: ValueSums): number {
  return count === 0 ? 0 : sum / count;
}

export function momentsOfSums(sums: ValueSums): Moments {
  const moments = new Moments();
  moments.count = sums.count;
  moments.mean = meanOfSums(sums);
  moments.squares = Math.max(0, sums.squares - sums.sum * moments.mean);
  return moments;
}
