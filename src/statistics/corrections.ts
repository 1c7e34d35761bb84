/** p-values in the order given, adjusted so that any below alpha is a false finding with probability alpha at most (Holm). */
export function holm(pValues: readonly number[]): readonly number[] {
  const adjusted: number[] = Array.from({ length: pValues.length }, () => 1);
  let highest = 0;
  for (const [rank, { p, index }] of ascending(pValues).entries()) {
    highest = Math.max(highest, Math.min(1, p * (pValues.length - rank)));
    adjusted[index] = highest;
  }
  return adjusted;
}

/** p-values in the order given, adjusted so that a share alpha of those below alpha is false, at most (Benjamini, Hochberg). */
export function benjaminiHochberg(pValues: readonly number[]): readonly number[] {
  const adjusted: number[] = Array.from({ length: pValues.length }, () => 1);
  let lowest = 1;
  for (const [behind, { p, index }] of ascending(pValues).toReversed().entries()) {
    lowest = Math.min(lowest, (p * pValues.length) / (pValues.length - behind));
    adjusted[index] = lowest;
  }
  return adjusted;
}

function ascending(pValues: readonly number[]): readonly { readonly p: number; readonly index: number }[] {
  return pValues.map((p, index) => ({ p, index })).sort((a, b) => a.p - b.p);
}
