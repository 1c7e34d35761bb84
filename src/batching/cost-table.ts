import type { LearnedCost } from './inspection.ts';
import { bucketSizes, chooseKnee, probedSize } from './policy/knee.ts';

/** Weight of a new observation once a bucket has ten. */
const smoothing = 0.1;

/**
 * Weights of an observation that is cheaper, or dearer, than the quiet cost known so far. Runs are interrupted by whatever
 * else the machine does, the more often the longer they are: that says nothing about which size is cheapest.
 */
const quieter = 0.5;
const noisier = 0.01;

/** One stalled run (a pause of the machine) must not count for more than this many usual ones. */
const outlierFactor = 4;

/** What batches of one model and size class cost, by rows: learned from each run, interpolated in between. */
export class CostTable {
  readonly sizes: readonly number[];
  readonly #learned: Float64Array;
  /** What a run costs by itself, when nothing interrupts it: what the knee is chosen by. */
  readonly #quiet: Float64Array;
  readonly #samples: Uint32Array;
  /** Every bucket's cost, learned or interpolated; 0 everywhere until the first run. */
  readonly #filled: Float64Array;
  #knee: number;
  #aroundMs = 0;
  #fullBatches = 0;

  constructor(maxRows: number) {
    this.sizes = bucketSizes(maxRows);
    this.#learned = new Float64Array(this.sizes.length);
    this.#quiet = new Float64Array(this.sizes.length);
    this.#samples = new Uint32Array(this.sizes.length);
    this.#filled = new Float64Array(this.sizes.length);
    this.#knee = maxRows;
  }

  /** The batch size above which a row gets no cheaper; the largest allowed one until that is known. */
  get knee(): number {
    return this.#knee;
  }

  /** Milliseconds that a batch of `rows` takes; 0 while nothing is known. */
  estimateMs(rows: number): number {
    const upper = this.#bucketAtLeast(rows);
    const upperSize = this.sizes[upper] ?? rows;
    const upperMs = this.#filled[upper] ?? 0;
    if (upperSize === rows || upper === 0) return upperMs;
    const lowerSize = this.sizes[upper - 1] ?? 0;
    const lowerMs = this.#filled[upper - 1] ?? 0;
    return lowerMs + ((upperMs - lowerMs) * (rows - lowerSize)) / (upperSize - lowerSize);
  }

  /**
   * @param ms From the start of the batch to its end, as requests experience it.
   * @param busyMs In the executor alone.
   * @param aroundMs What a batch costs besides, whatever its size.
   */
  observe(rows: number, ms: number, busyMs = ms, aroundMs = 0): void {
    this.#aroundMs = aroundMs;
    const bucket = this.#nearestBucket(rows);
    const known = this.estimateMs(rows);
    // A size between buckets tells its bucket how far off the estimate was.
    const scaled =
      known > 0 ? (ms * (this.#filled[bucket] ?? 0)) / known : ms * ((this.sizes[bucket] ?? rows) / rows);
    const samples = this.#samples[bucket] ?? 0;
    const before = this.#learned[bucket] ?? 0;
    if (samples === 0 || (samples === 1 && scaled < before)) {
      this.#learned[bucket] = scaled;
    } else {
      const weight = Math.max(smoothing, 1 / (samples + 1));
      this.#learned[bucket] = before + weight * (Math.min(scaled, before * outlierFactor) - before);
    }
    this.#observeQuiet(bucket, busyMs * (ms > 0 ? scaled / ms : 1));
    this.#samples[bucket] = samples + 1;
    this.#refresh();
  }

  #observeQuiet(bucket: number, ms: number): void {
    const before = this.#quiet[bucket] ?? 0;
    if ((this.#samples[bucket] ?? 0) <= 1 && (before === 0 || ms < before)) {
      this.#quiet[bucket] = ms;
      return;
    }
    const weight = ms < before ? quieter : noisier;
    this.#quiet[bucket] = before + weight * (Math.min(ms, before * outlierFactor) - before);
  }

  /** The rows to close a batch at: the knee, now and then its neighbour. Counts a full batch. */
  nextFullSize(): number {
    return probedSize(this.sizes, this.#knee, this.#fullBatches);
  }

  countFullBatch(): void {
    this.#fullBatches += 1;
  }

  export(): readonly LearnedCost[] {
    const costs: LearnedCost[] = [];
    for (let i = 0; i < this.sizes.length; i++) {
      const samples = this.#samples[i] ?? 0;
      if (samples > 0) costs.push({ rows: this.sizes[i] ?? 0, ms: this.#learned[i] ?? 0, samples });
    }
    return costs;
  }

  /** Takes what is not known here yet. Sizes that are not buckets of this table are left out. */
  import(costs: readonly LearnedCost[]): void {
    for (const cost of costs) {
      const bucket = this.sizes.indexOf(cost.rows);
      if (bucket < 0 || (this.#samples[bucket] ?? 0) > 0 || !(cost.ms > 0) || !(cost.samples >= 1)) continue;
      this.#learned[bucket] = cost.ms;
      this.#quiet[bucket] = cost.ms;
      this.#samples[bucket] = Math.min(cost.samples, 1_000_000);
    }
    this.#refresh();
  }

  #refresh(): void {
    this.#interpolate();
    this.#knee = chooseKnee(this.sizes, this.#quiet, this.#samples, this.#aroundMs);
  }

  /**
   * Linear between learned buckets, the first one's cost below it. Above the last one the line of the last two goes on,
   * or is flat: too low a guess costs one late batch, too high a one would refuse the requests that could correct it.
   */
  #interpolate(): void {
    let lower = -1;
    let slope = 0;
    for (let i = 0; i < this.sizes.length; i++) {
      if ((this.#samples[i] ?? 0) === 0) continue;
      const ms = this.#learned[i] ?? 0;
      const lowerMs = lower < 0 ? ms : (this.#learned[lower] ?? 0);
      const lowerSize = lower < 0 ? 0 : (this.sizes[lower] ?? 0);
      slope = (ms - lowerMs) / ((this.sizes[i] ?? 0) - lowerSize);
      for (let j = lower + 1; j < i; j++) {
        this.#filled[j] = lowerMs + slope * ((this.sizes[j] ?? 0) - lowerSize);
      }
      this.#filled[i] = ms;
      lower = i;
    }
    if (lower < 0) return;
    for (let j = lower + 1; j < this.sizes.length; j++) {
      const further = (this.sizes[j] ?? 0) - (this.sizes[lower] ?? 0);
      this.#filled[j] = (this.#learned[lower] ?? 0) + Math.max(0, slope) * further;
    }
  }

  #bucketAtLeast(rows: number): number {
    let bucket = 0;
    while (bucket < this.sizes.length - 1 && (this.sizes[bucket] ?? 0) < rows) bucket += 1;
    return bucket;
  }

  #nearestBucket(rows: number): number {
    const upper = this.#bucketAtLeast(rows);
    if (upper === 0) return 0;
    const toUpper = (this.sizes[upper] ?? 0) - rows;
    return toUpper <= rows - (this.sizes[upper - 1] ?? 0) ? upper : upper - 1;
  }
}
