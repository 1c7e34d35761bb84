/** Blocks become twice as long when there are so many. */
const mostBlocks = 24;

/** What the mean of a stream of vectors is worth. */
export interface MeanSpread {
  /** Of the mean: the sum of its variances in all directions, with as much as neighbours resemble each other. */
  readonly variance: number;
  /** Among how many directions that is spread, as if equally. */
  readonly directions: number;
  /** Degrees of freedom that it is known with. */
  readonly degrees: number;
}

/**
 * The mean of a stream of vectors, and how far it is to be trusted: from the means of blocks that follow each other, as these are
 * nearly independent also where neighbours are not.
 */
export class BlockMeans {
  readonly width: number;
  /** Sums of full blocks. */
  #blocks: Float64Array[] = [];
  #blockRows = 1;
  #open: Float64Array;
  #openRows = 0;

  constructor(width: number) {
    this.width = width;
    this.#open = new Float64Array(width);
  }

  get rows(): number {
    return this.#blocks.length * this.#blockRows + this.#openRows;
  }

  add(vector: Float64Array): void {
    for (let i = 0; i < this.width; i++) this.#open[i] = (this.#open[i] ?? 0) + (vector[i] ?? 0);
    if (++this.#openRows < this.#blockRows) return;
    this.#blocks.push(this.#open);
    this.#open = new Float64Array(this.width);
    this.#openRows = 0;
    if (this.#blocks.length === mostBlocks) this.#join();
  }

  /** NaN without rows. */
  mean(): Float64Array {
    const mean = Float64Array.from(this.#open);
    for (const block of this.#blocks)
      for (let i = 0; i < this.width; i++) mean[i] = (mean[i] ?? 0) + (block[i] ?? 0);
    const { rows } = this;
    return mean.map((sum) => sum / rows);
  }

  /** undefined for fewer than some blocks. */
  spread(): MeanSpread | undefined {
    const count = this.#blocks.length;
    if (count < mostBlocks / 2) return undefined;
    const offs = this.#offs();
    const products = offs.map((a) => offs.map((b) => dot(a, b)));
    const of = (a: number, b: number): number => products[a]?.[b] ?? 0;
    let trace = 0;
    let next = 0;
    let squares = 0;
    for (let a = 0; a < count; a++) {
      trace += of(a, a);
      next += of(a, a + 1);
      for (let b = 0; b < count; b++) squares += of(a, b) ** 2;
    }
    const degrees = count - 1;
    if (trace === 0) return { variance: 0, directions: 1, degrees };
    // Of independent blocks it is this much below 0.
    const correlation = Math.min(Math.max(next / trace + 1 / count, 0), 0.5);
    const covariance = trace / degrees;
    const unbiased =
      (degrees ** 2 / ((degrees - 1) * (degrees + 2))) * (squares / degrees ** 2 - covariance ** 2 / degrees);
    return {
      variance: (covariance * this.#blockRows * (1 + 2 * correlation)) / this.rows,
      directions: unbiased > 0 ? Math.min(Math.max(covariance ** 2 / unbiased, 1), this.width) : this.width,
      degrees,
    };
  }

  save(): {
    readonly blockRows: number;
    readonly openRows: number;
    readonly sums: readonly (readonly number[])[];
  } {
    return {
      blockRows: this.#blockRows,
      openRows: this.#openRows,
      sums: [...this.#blocks, this.#open].map((sums) => [...sums]),
    };
  }

  /** Into an empty one of the same width. */
  restore({ blockRows, openRows, sums }: ReturnType<BlockMeans['save']>): void {
    const all = sums.map((each) => Float64Array.from({ length: this.width }, (_, i) => each[i] ?? 0));
    this.#blockRows = blockRows;
    this.#openRows = openRows;
    this.#open = all.pop() ?? this.#open;
    this.#blocks = all.slice(0, mostBlocks - 1);
  }

  /** How far the mean of each block is from that of all. */
  #offs(): Float64Array[] {
    const mean = new Float64Array(this.width);
    const scale = 1 / (this.#blocks.length * this.#blockRows);
    for (const block of this.#blocks)
      for (let i = 0; i < this.width; i++) mean[i] = (mean[i] ?? 0) + scale * (block[i] ?? 0);
    return this.#blocks.map((block) => block.map((sum, i) => sum / this.#blockRows - (mean[i] ?? 0)));
  }

  #join(): void {
    const joined: Float64Array[] = [];
    for (let i = 0; i + 1 < this.#blocks.length; i += 2) {
      const second = this.#blocks[i + 1];
      const first = this.#blocks[i];
      if (first !== undefined) joined.push(first.map((sum, at) => sum + (second?.[at] ?? 0)));
    }
    this.#blocks = joined;
    this.#blockRows *= 2;
  }
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}
