/** Buckets of each doubling: a bucket's ends differ by 4.4 %. */
const bucketsPerDoubling = 16;

/** The lowest bucket ends at a microsecond, of milliseconds. */
const lowestExponent = -10;

/** From a microsecond to more than an hour. */
export const logBucketCount = 512;

/** The bucket of a number of milliseconds; what is outside of all of them counts in the nearest. */
export function logBucketOf(ms: number): number {
  if (!(ms > 0)) return 0;
  const index = Math.ceil((Math.log2(ms) - lowestExponent) * bucketsPerDoubling);
  return index < 0 ? 0 : Math.min(index, logBucketCount - 1);
}

/** The longest duration of a bucket, in milliseconds. */
export function logBucketEnd(bucket: number): number {
  return 2 ** (bucket / bucketsPerDoubling + lowestExponent);
}

/** The bucket below whose end the part `quantile` of all counts is; undefined of no counts. */
export function logBucketAt(counts: readonly number[], quantile: number): number | undefined {
  let total = 0;
  for (const count of counts) total += count;
  if (total === 0) return undefined;
  let below = 0;
  for (const [bucket, count] of counts.entries()) {
    below += count;
    if (below >= quantile * total) return bucket;
  }
  return counts.length - 1;
}

/** How many are longer than the end of a bucket. */
export function countAboveBucket(counts: readonly number[], bucket: number): number {
  let above = 0;
  for (let index = bucket + 1; index < counts.length; index++) above += counts[index] ?? 0;
  return above;
}
