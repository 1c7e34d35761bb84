/** Added to every bin, so that an empty one does not make a measure infinite. Half a count is Jeffreys' choice. */
const smoothing = 0.5;

/**
 * The population stability index of counts in the same bins. Without any change its mean is about (bins - 1)(1/n + 1/m): see
 * `stabilityIndexBias`.
 */
export function stabilityIndex(reference: readonly number[], current: readonly number[]): number {
  const p = smoothedShares(reference);
  const q = smoothedShares(current);
  let index = 0;
  for (const [bin, share] of p.entries()) {
    const other = q[bin] ?? share;
    index += (other - share) * Math.log(other / share);
  }
  return index;
}

/** What the stability index of unchanged data is on average. */
export function stabilityIndexBias(bins: number, reference: number, current: number): number {
  return (bins - 1) * (1 / reference + 1 / current);
}

/** Jensen and Shannon's distance of counts in the same bins, to base 2: 0 for equal shares, 1 where no bin is shared. */
export function jensenShannonDistance(first: readonly number[], second: readonly number[]): number {
  const n = first.reduce((total, count) => total + count, 0);
  const m = second.reduce((total, count) => total + count, 0);
  let divergence = 0;
  for (const [bin, count] of first.entries()) {
    const p = count / n;
    const q = (second[bin] ?? 0) / m;
    const middle = (p + q) / 2;
    if (p > 0) divergence += (p * Math.log2(p / middle)) / 2;
    if (q > 0) divergence += (q * Math.log2(q / middle)) / 2;
  }
  return Math.sqrt(Math.max(0, divergence));
}

function smoothedShares(counts: readonly number[]): readonly number[] {
  const total = counts.reduce((sum, count) => sum + count + smoothing, 0);
  return counts.map((count) => (count + smoothing) / total);
}
