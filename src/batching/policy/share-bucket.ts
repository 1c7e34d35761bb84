import { fitsUnder } from './bucket.ts';

/** What waits in one bucket. */
export interface BucketSnapshot {
  /** One bound for each padded size. */
  readonly bounds: readonly number[];
  readonly rows: number;
  /** Rows at which a batch of this bucket is full. */
  readonly fullRows: number;
  /** Estimated milliseconds of a batch of this bucket; 0 while unknown. */
  readonly costMs: (rows: number) => number;
}

/** Which bucket the next batch is padded to, and who is in it. */
export interface SharedBucket {
  /** Index of the bucket whose bounds hold for all. */
  readonly host: number;
  /** Rows taken of each bucket, by its index; at least one of them is not 0. */
  readonly rows: readonly number[];
}

/**
 * Pad or wait: whether requests of other buckets join the batch of the chosen one. A bucket's requests join when that is
 * learned to be cheaper than the batch of their own that they would need otherwise; as long as a cost is not known, they
 * do not. The chosen bucket's own requests always go, be it as guests of a larger bucket.
 *
 * @param chosen Index of the bucket whose turn it is.
 * @param ownRows Rows that its own batch would have; at least 1.
 */
export function shareBucket(
  buckets: readonly BucketSnapshot[],
  chosen: number,
  ownRows: number,
): SharedBucket {
  const rows = buckets.map((_, index) => (index === chosen ? ownRows : 0));
  let host = chosen;
  let total = ownRows;
  for (const index of byDistance(buckets, chosen)) {
    const guest = buckets[index];
    const current = buckets[host];
    if (guest === undefined || current === undefined) continue;
    const grows = fitsUnder(current.bounds, guest.bounds);
    if (!grows && !fitsUnder(guest.bounds, current.bounds)) continue;
    const larger = grows ? guest : current;
    const taken = Math.min(guest.rows, larger.fullRows - total);
    if (taken < 1) continue;
    const hostMs = current.costMs(total);
    const ownMs = guest.costMs(guest.rows) - (taken < guest.rows ? guest.costMs(guest.rows - taken) : 0);
    const joinedMs = larger.costMs(total + taken);
    if (hostMs <= 0 || ownMs <= 0 || joinedMs >= hostMs + ownMs) continue;
    rows[index] = taken;
    total += taken;
    if (grows) host = index;
  }
  return { host, rows };
}

/** The others, those that need the least padding first. */
function byDistance(buckets: readonly BucketSnapshot[], chosen: number): readonly number[] {
  const volumes = buckets.map(({ bounds }) => bounds.reduce((product, bound) => product * bound, 1));
  const own = Math.log(volumes[chosen] ?? 1);
  const distance = (index: number): number => Math.abs(Math.log(volumes[index] ?? 1) - own);
  return volumes
    .map((_, index) => index)
    .filter((index) => index !== chosen)
    .sort((a, b) => distance(a) - distance(b));
}
