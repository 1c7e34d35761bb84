/** Values that may stand for several, and how many each stands for. */
export interface WeighedValues {
  readonly values: readonly number[];
  /** One each where it is left out. */
  readonly weights?: readonly number[];
}

interface Point {
  readonly value: number;
  /** Share of the first, or less the share of the second. */
  readonly share: number;
}

/** How far values have to be moved, on average, to make one distribution of the other; in their own unit. */
export function wassersteinDistance(first: WeighedValues, second: WeighedValues): number {
  const points = [...shares(first, 1), ...shares(second, -1)].sort((a, b) => a.value - b.value);
  let ahead = 0;
  let distance = 0;
  for (const [index, { value, share }] of points.entries()) {
    ahead += share;
    const next = points[index + 1];
    if (next !== undefined) distance += Math.abs(ahead) * (next.value - value);
  }
  return distance;
}

function shares({ values, weights }: WeighedValues, sign: 1 | -1): readonly Point[] {
  const total = weights?.reduce((sum, weight) => sum + weight, 0) ?? values.length;
  return values.map((value, index) => ({ value, share: (sign * (weights?.[index] ?? 1)) / total }));
}
