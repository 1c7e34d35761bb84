import type { StoredAdaptive } from './stored-version.ts';

/** Buckets of one size before two of them become one of twice the size. */
const bucketsPerSize = 5;

/** Values between two looks for a change. */
const lookEvery = 16;

/** Values that each side of a change must have. */
const leastPerSide = 30;

interface Bucket {
  count: number;
  sum: number;
}

/**
 * The newest values of 0..1 that have one mean: when older ones clearly have another, they are forgotten, and a change is reported.
 * Bifet and Gavaldà's ADWIN, with memory that grows with the logarithm of the values.
 */
export class AdaptiveWindow {
  readonly #delta: number;
  /** From the oldest and largest to the newest. */
  readonly #buckets: Bucket[] = [];
  #count = 0;
  #sum = 0;
  #sinceLook = 0;

  /** @param delta the chance of taking equal means for different ones at a look; 0.002 is usual. */
  constructor(delta = 0.002) {
    this.#delta = delta;
  }

  save(): StoredAdaptive {
    return { buckets: this.#buckets.map(({ count, sum }) => [count, sum]), sinceLook: this.#sinceLook };
  }

  /** Into an empty one. */
  restore({ buckets, sinceLook }: StoredAdaptive): void {
    for (const [count, sum] of buckets) {
      this.#buckets.push({ count, sum });
      this.#count += count;
      this.#sum += sum;
    }
    this.#sinceLook = sinceLook;
  }

  get count(): number {
    return this.#count;
  }

  get mean(): number {
    return this.#count === 0 ? 0 : this.#sum / this.#count;
  }

  /** The means before and after a change, where this value shows one. */
  add(value: number): { readonly before: number; readonly after: number } | undefined {
    this.#buckets.push({ count: 1, sum: value });
    this.#count++;
    this.#sum += value;
    this.#compress();
    if (++this.#sinceLook < lookEvery) return undefined;
    this.#sinceLook = 0;
    return this.#look();
  }

  #look(): { readonly before: number; readonly after: number } | undefined {
    const before = this.mean;
    let changed = false;
    while (this.#cut()) changed = true;
    return changed ? { before, after: this.mean } : undefined;
  }

  /** Forgets the oldest bucket where some older part differs from the rest. */
  #cut(): boolean {
    let count = 0;
    let sum = 0;
    for (const bucket of this.#buckets) {
      count += bucket.count;
      sum += bucket.sum;
      const rest = this.#count - count;
      if (rest < leastPerSide) return false;
      if (count < leastPerSide) continue;
      if (Math.abs(sum / count - (this.#sum - sum) / rest) > this.#bound(count, rest)) {
        const oldest = this.#buckets.shift();
        this.#count -= oldest?.count ?? 0;
        this.#sum -= oldest?.sum ?? 0;
        return true;
      }
    }
    return false;
  }

  #bound(older: number, newer: number): number {
    const harmonic = 1 / (1 / older + 1 / newer);
    const log = Math.log((2 * Math.log(Math.max(this.#count, 3))) / this.#delta);
    const variance = this.mean * (1 - this.mean);
    return Math.sqrt((2 / harmonic) * variance * log) + (2 / (3 * harmonic)) * log;
  }

  /** Joins the two oldest of a size that there are too many of, from the newest end. */
  #compress(): void {
    let end = this.#buckets.length - 1;
    while (end >= bucketsPerSize) {
      const size = this.#buckets[end]?.count ?? 0;
      const oldest = this.#buckets[end - bucketsPerSize];
      if (oldest?.count !== size) return;
      const next = this.#buckets[end - bucketsPerSize + 1];
      oldest.count += next?.count ?? 0;
      oldest.sum += next?.sum ?? 0;
      this.#buckets.splice(end - bucketsPerSize + 1, 1);
      end -= bucketsPerSize;
    }
  }
}
