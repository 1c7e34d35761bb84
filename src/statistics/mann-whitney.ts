import { normalPValue, type Alternative } from './alternative.ts';

export interface MannWhitneyResult {
  /** U of the first: pairs in which its value is the greater one, ties as halves. */
  readonly statistic: number;
  readonly pValue: number;
  /** The probability that a value of the first is greater than one of the second, ties as halves; 0.5 for no effect. */
  readonly superiority: number;
}

/**
 * Mann and Whitney's rank test with normal approximation, ties and continuity corrected; from eight values on each side. It sees
 * that most values moved and is nearly blind to a worse tail: compare shares above the baseline's quantiles for that.
 */
export function compareRanks(
  first: readonly number[],
  second: readonly number[],
  alternative: Alternative = 'different',
): MannWhitneyResult {
  const n = first.length;
  const m = second.length;
  const { rankSum, tieTerm } = rank(first, second);
  const statistic = rankSum - (n * (n + 1)) / 2;
  const all = n + m;
  const deviation = Math.sqrt(((n * m) / 12) * (all + 1 - tieTerm / (all * (all - 1))));
  const off = statistic - (n * m) / 2;
  const correction =
    alternative === 'different' ? Math.sign(off) * 0.5 : alternative === 'greater' ? 0.5 : -0.5;
  const z = deviation === 0 ? 0 : (off - correction) / deviation;
  return { statistic, pValue: normalPValue(z, alternative), superiority: statistic / (n * m) };
}

/** The sum of the ranks of the first, and the sum of t^3 - t over groups of t equal values. */
function rank(first: readonly number[], second: readonly number[]): { rankSum: number; tieTerm: number } {
  const all = [
    ...first.map((value) => ({ value, own: 1 })),
    ...second.map((value) => ({ value, own: 0 })),
  ].sort((a, b) => a.value - b.value);
  let rankSum = 0;
  let tieTerm = 0;
  for (let start = 0; start < all.length;) {
    let end = start;
    let own = 0;
    while (end < all.length && all[end]?.value === all[start]?.value) own += all[end++]?.own ?? 0;
    const ties = end - start;
    rankSum += own * ((start + 1 + end) / 2);
    tieTerm += ties ** 3 - ties;
    start = end;
  }
  return { rankSum, tieTerm };
}
