import { chiSquareSurvival } from './special-functions.ts';

export interface ChiSquareResult {
  readonly statistic: number;
  readonly degreesOfFreedom: number;
  readonly pValue: number;
}

/** Pearson's test whether counts come in the expected proportions, which need not add up to 1. */
export function testProportions(counts: readonly number[], expected: readonly number[]): ChiSquareResult {
  const total = sum(counts);
  const scale = total / sum(expected);
  let statistic = 0;
  for (const [index, count] of counts.entries()) {
    const wanted = (expected[index] ?? 0) * scale;
    if (wanted > 0) statistic += (count - wanted) ** 2 / wanted;
    else if (count > 0) statistic = Infinity;
  }
  return result(statistic, counts.length - 1);
}

/** Pearson's test whether rows of counts have the same proportions; columns without counts are left out. */
export function testIndependence(table: readonly (readonly number[])[]): ChiSquareResult {
  const rowSums = table.map(sum);
  const total = sum(rowSums);
  const columns = table[0]?.map((_, column) => sum(table.map((row) => row[column] ?? 0))) ?? [];
  let statistic = 0;
  for (const [rowIndex, row] of table.entries()) {
    for (const [column, count] of row.entries()) {
      const expected = ((rowSums[rowIndex] ?? 0) * (columns[column] ?? 0)) / total;
      if (expected > 0) statistic += (count - expected) ** 2 / expected;
    }
  }
  const used = columns.filter((count) => count > 0).length;
  return result(statistic, (table.length - 1) * (used - 1));
}

function result(statistic: number, degreesOfFreedom: number): ChiSquareResult {
  const pValue = degreesOfFreedom < 1 ? 1 : chiSquareSurvival(statistic, degreesOfFreedom);
  return { statistic, degreesOfFreedom, pValue };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
