import { dot, type MeanSpread } from './block-means.ts';
import { Moments } from './moments.ts';
import { fSurvival } from './special-functions.ts';

/** Mapped vectors of one of two streams that are compared. */
export interface MappedMean {
  readonly mean: ArrayLike<number>;
  /** The variance of that mean, over all directions. */
  readonly variance: number;
}

/** How two streams of vectors differ. */
export interface MeanDiscrepancy {
  /** The maximum mean discrepancy: at most the square root of 2. Without what it is on average where nothing differs. */
  readonly discrepancy: number;
  /** In standard deviations of the current stream, in the direction in which the two differ: Cohen's d of the witness function. */
  readonly shift: number;
  /** How likely as much is by chance. */
  readonly pValue: number;
}

/**
 * Compares the means of mapped vectors. The squared distance of two equal streams' means is a weighted sum of chi-squares, which
 * is taken for an F distribution with the same mean and variance (Satterthwaite), as the variance is itself an estimate.
 *
 * @param sample some mapped vectors of the current stream, for the scale of `shift`.
 */
export function compareMeans(
  current: MappedMean & { readonly spread: MeanSpread },
  reference: MappedMean,
  sample: readonly Float32Array[],
): MeanDiscrepancy {
  const witness = Float64Array.from(
    { length: current.mean.length },
    (_, i) => (current.mean[i] ?? 0) - (reference.mean[i] ?? 0),
  );
  const squared = dot(witness, witness);
  const expected = current.variance + reference.variance;
  const beyond = Math.max(0, squared - expected);
  const { directions, degrees } = current.spread;
  const scale = Moments.of(sample.map((mapped) => dot(mapped, witness))).variance();
  return {
    discrepancy: Math.sqrt(beyond),
    // What of the witness is chance widens it without telling the streams apart.
    shift: scale > 0 ? Math.sqrt((beyond * squared) / scale) : beyond > 0 ? Infinity : 0,
    pValue:
      expected === 0
        ? squared > 0
          ? 0
          : 1
        : fSurvival(squared / expected, directions, directions * degrees),
  };
}
