import { obrienFleming } from './planned-looks.ts';
import { sampleSizeOfMeans, sampleSizeOfProportions } from './power.ts';
import { normalQuantile } from './special-functions.ts';

/** What a comparison of two arms is to find. */
export interface Design {
  /** The proportion that the baseline has now; undefined for means. */
  readonly proportion?: number | undefined;
  /** The standard deviation of the values; only of means. */
  readonly deviation?: number | undefined;
  /** The smallest difference that is worth finding, in the unit of the values; above 0. */
  readonly effect: number;
  readonly alpha: number;
  /** The probability of finding a difference that is as large. */
  readonly power: number;
  /** Planned ones, the last at the end; `always` looks as often as one likes. */
  readonly looks: number | 'always';
  /** The candidate's, of all observations: above 0 and below 1. */
  readonly share: number;
}

export interface PlannedSamples {
  readonly candidate: number;
  readonly baseline: number;
}

/**
 * Observations that each arm needs. undefined where no number of them does: a proportion with that effect would not be one, or
 * nothing says how far values are apart.
 */
export function plannedSamples(design: Design): PlannedSamples | undefined {
  const { proportion, deviation, effect, alpha, power, share } = design;
  const ratio = (1 - share) / share;
  const plan = { alpha, power, ratio };
  let single: number | undefined;
  if (proportion === undefined) {
    single = deviation === undefined ? undefined : sampleSizeOfMeans(effect / deviation, plan);
  } else {
    // Whichever direction is harder to find.
    const others = [proportion + effect, proportion - effect].filter((other) => other > 0 && other < 1);
    const sizes = others.map((other) => sampleSizeOfProportions(other, proportion, plan));
    single = sizes.length === 0 || proportion <= 0 || proportion >= 1 ? undefined : Math.max(...sizes);
  }
  if (single === undefined || !Number.isFinite(single)) return undefined;
  const miss = normalQuantile(power);
  const once = normalQuantile(1 - alpha / 2);
  const candidate = single * ((boundaryAtTheEnd(design) + miss) / (once + miss)) ** 2;
  return { candidate: Math.ceil(candidate), baseline: Math.ceil(candidate * ratio) };
}

/** The |z| that a difference must exceed at the end: looks before it are paid for. */
function boundaryAtTheEnd({ looks, alpha, power }: Design): number {
  if (looks !== 'always') return obrienFleming(looks, alpha).at(-1) ?? Infinity;
  const miss = normalQuantile(power);
  let boundary = normalQuantile(1 - alpha / 2);
  // Of the mixture test: the error's variance over the effect's square, where power is as wanted, depends on the boundary.
  for (let step = 0; step < 50; step++) {
    const variance = 1 / (boundary + miss) ** 2;
    boundary = Math.sqrt((1 + variance) * (2 * Math.log(1 / alpha) + Math.log((1 + variance) / variance)));
  }
  return boundary;
}
