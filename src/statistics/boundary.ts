/** A line that the candidate's mean is compared with: the baseline's mean times `ratio`, plus `margin`. */
export interface Boundary {
  /** Above 0; 1 compares with the baseline as it is. */
  readonly ratio: number;
  /** In the unit of the observations, which lie in 0..1. */
  readonly margin: number;
}

/** Two means, and how many observations each stands for. */
export interface WeighedMeans {
  readonly candidate: number;
  readonly candidateCount: number;
  readonly baseline: number;
  readonly baselineCount: number;
}

/** Halvings of an interval of at most 1: more precise than what is computed with it. */
const halvings = 44;

/**
 * The mean of the baseline at that point of the line which is nearest to `means` in Kullback-Leibler divergence, each side
 * weighed by its observations. undefined where the line does not cross the unit square.
 */
export function projectOnBoundary({ ratio, margin }: Boundary, means: WeighedMeans): number | undefined {
  let low = Math.max(0, -margin / ratio);
  let high = Math.min(1, (1 - margin) / ratio);
  if (low >= high) return undefined;
  const { candidate, candidateCount, baseline, baselineCount } = means;
  if (ratio === 1 && margin === 0) {
    return (candidate * candidateCount + baseline * baselineCount) / (candidateCount + baselineCount);
  }
  for (let i = 0; i < halvings; i++) {
    const b = (low + high) / 2;
    const a = ratio * b + margin;
    const slope =
      candidateCount * ratio * ((1 - candidate) / (1 - a) - candidate / a) +
      baselineCount * ((1 - baseline) / (1 - b) - baseline / b);
    if (slope > 0) high = b;
    else low = b;
  }
  return (low + high) / 2;
}
