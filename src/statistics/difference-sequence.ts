import type { Interval } from './alternative.ts';
import type { Moments } from './moments.ts';

/** The normal mixture: at which differences it is most sensitive, and how surely it errs. */
export interface MixtureOptions {
  readonly alpha: number;
  /** The smallest difference of interest, in the unit of the values. */
  readonly effect: number;
}

export interface DifferenceFinding {
  /** First less second. */
  readonly difference: number;
  /** One of a sequence that may be looked at at any time. 0 ± Infinity before both have two different values. */
  readonly interval: Interval;
  /** Always valid; of no difference. */
  readonly pValue: number;
}

/** Values on each side below which means are not yet normal enough. */
const leastForMixture = 200;

/**
 * The mixture sequential probability ratio test of two means, whose intervals may be looked at at any time. Asymptotic: it takes
 * means for normal, which rare events are not, so `TwoSampleTest` decides and this shows how large a difference is. Below
 * `leastForMixture` values on either side nothing is claimed.
 */
export function differenceSoFar(first: Moments, second: Moments, options: MixtureOptions): DifferenceFinding {
  const difference = first.mean - second.mean;
  const variance = first.variance() / first.count + second.variance() / second.count;
  if (Math.min(first.count, second.count) < leastForMixture || !(variance > 0)) {
    return { difference, interval: [-Infinity, Infinity], pValue: 1 };
  }
  const prior = options.effect ** 2;
  const shrink = prior / (variance + prior);
  const logEvidence = (Math.log(variance / (variance + prior)) + (difference ** 2 * shrink) / variance) / 2;
  const half = Math.sqrt(
    (variance / shrink) * (2 * Math.log(1 / options.alpha) + Math.log((variance + prior) / variance)),
  );
  return {
    difference,
    interval: [difference - half, difference + half],
    pValue: Math.min(1, Math.exp(-logEvidence)),
  };
}
