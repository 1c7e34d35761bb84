/**
 * The batch sizes at which costs are learned: powers of two and the halves between them, up to and with `maxRows`.
 * In between costs are interpolated, which batch costs of CPUs allow (steps are smaller than 1.5).
 */
export function bucketSizes(maxRows: number): readonly number[] {
  const sizes: number[] = [];
  for (let power = 1; power < maxRows; power *= 2) {
    sizes.push(power);
    const half = power + power / 2;
    if (power > 1 && half < maxRows) sizes.push(half);
  }
  sizes.push(maxRows);
  return sizes;
}

/** Larger batches than the knee may cost this much less per row before they are worth their latency. */
const kneeTolerance = 1.05;

/** Fewer runs than this of a size prove nothing: the first run of a shape allocates and is several times slower. */
const trustedSamples = 3;

/**
 * What a batch costs besides its run, however large it is: a turn of the event loop with its reads and writes, and for
 * batches that run on a thread of their own, handing them over. Measured on one core: 60 to 120 us, and 100 to 170 us.
 */
export const turnMs = { inline: 0.06, thread: 0.1 } as const;

/**
 * The smallest size whose cost per row is within 5 % of the best known.
 *
 * @param aroundMs What each batch costs besides.
 * @param sizes Ascending; the last is the largest allowed batch.
 * @returns the last size as long as no trusted larger one shows that growing does not pay.
 */
export function chooseKnee(
  sizes: readonly number[],
  costsMs: ArrayLike<number>,
  samples: ArrayLike<number>,
  aroundMs = 0,
): number {
  const largest = sizes.at(-1) ?? 1;
  const perRowMs = (i: number): number => ((costsMs[i] ?? 0) + aroundMs) / (sizes[i] ?? 1);
  let best = Infinity;
  for (let i = 0; i < sizes.length; i++) {
    if ((samples[i] ?? 0) >= trustedSamples && (costsMs[i] ?? 0) > 0) best = Math.min(best, perRowMs(i));
  }
  // A cost of nothing says nothing: coarse clocks give it.
  if (best === Infinity) return largest;
  let knee = 0;
  for (let i = 0; i < sizes.length; i++) {
    if ((samples[i] ?? 0) < trustedSamples) continue;
    if (knee > 0) return knee;
    if (perRowMs(i) <= kneeTolerance * best) knee = sizes[i] ?? 1;
  }
  return largest;
}

/** Every how many full batches a neighbour of the knee is tried, so that the knee follows a change. */
export const probeEvery = 100;

/** The size of the `fullBatches`-th full batch: the knee, or every hundredth time its upper or lower neighbour in turn. */
export function probedSize(sizes: readonly number[], knee: number, fullBatches: number): number {
  if (fullBatches === 0 || fullBatches % probeEvery !== 0) return knee;
  const index = sizes.indexOf(knee);
  const up = (fullBatches / probeEvery) % 2 === 1;
  return (up ? sizes[index + 1] : sizes[index - 1]) ?? knee;
}
