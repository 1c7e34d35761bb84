/**
 * The bucket of a size: the smallest upper bound that it fits under.
 *
 * @param bounds Ascending; undefined for the powers of two.
 * @returns 0 when no bucket takes it.
 */
export function bucketOf(size: number, bounds: readonly number[] | undefined): number {
  if (size < 1) return 0;
  if (bounds === undefined) return 2 ** Math.ceil(Math.log2(size));
  for (const bound of bounds) if (bound >= size) return bound;
  return 0;
}

/** True when a request of `sizes` may be padded up to `bounds`, in every dimension. */
export function fitsUnder(sizes: readonly number[], bounds: readonly number[]): boolean {
  for (let i = 0; i < sizes.length; i++) if ((sizes[i] ?? 0) > (bounds[i] ?? 0)) return false;
  return true;
}
