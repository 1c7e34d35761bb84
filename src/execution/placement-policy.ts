export type Place = 'inline' | 'thread';

export interface PlacementLimits {
  /** A model whose dearest usual batch costs less runs inline. */
  readonly inlineBelowMs: number;
  /** Leaves again only above this: twice the entry, so that noise does not move a model to and fro. */
  readonly threadAboveMs: number;
}

/**
 * 300 us is what a batch may hold up everybody else on the I/O thread; handing it to another thread and back costs 5 to 20 us
 * of latency and about as much CPU, so that gain shrinks below a tenth above it.
 */
export function placementLimits(inlineBelowMs = 0.3): PlacementLimits {
  return { inlineBelowMs, threadAboveMs: 2 * inlineBelowMs };
}

const smoothing = 0.1;
/**
 * A run this many times dearer than usual counts as no more than that: it was interrupted. Two in a row were not: the work
 * has changed, as when inputs of any length have become long, and each more would hold up everybody.
 */
const outlier = 4;
const fewestRuns = 3;
/** A batch size not seen for so many runs no longer counts. */
const memoryRuns = 10_000;

interface Cost {
  runs: number;
  ms: number;
  lastRun: number;
  /** Cost of the run before, when it was an outlier; else 0. */
  outlierMs: number;
}

/** Learns what batches cost by size and says where they should run. A model is as dear as its dearest batch size. */
export class PlacementPolicy {
  readonly #limits: PlacementLimits;
  /** By the power of two at or above the rows. */
  readonly #costs = new Map<number, Cost>();
  #runs = 0;

  constructor(limits: PlacementLimits) {
    this.#limits = limits;
  }

  record(rows: number, inferMs: number): void {
    this.#runs += 1;
    const bucket = 32 - Math.clz32(Math.max(rows, 1) - 1);
    const cost = this.#costs.get(bucket);
    if (cost === undefined) {
      this.#costs.set(bucket, { runs: 1, ms: inferMs, lastRun: this.#runs, outlierMs: 0 });
      return;
    }
    cost.runs += 1;
    cost.lastRun = this.#runs;
    // The first runs of a size are cold: until some have been seen the cheapest is the best estimate.
    if (cost.runs <= fewestRuns) {
      cost.ms = Math.min(cost.ms, inferMs);
      return;
    }
    const before = cost.outlierMs;
    cost.outlierMs = inferMs > outlier * cost.ms ? inferMs : 0;
    if (before > 0 && cost.outlierMs > 0) cost.ms = Math.min(before, inferMs);
    else cost.ms += smoothing * (Math.min(inferMs, outlier * cost.ms) - cost.ms);
  }

  /** Where the next batch should run. */
  decide(current: Place): Place {
    if (this.#runs < fewestRuns) return current;
    if (current === 'thread') return this.#dearest(1) < this.#limits.inlineBelowMs ? 'inline' : 'thread';
    return this.#dearest(fewestRuns) > this.#limits.threadAboveMs ? 'thread' : 'inline';
  }

  /** Over the sizes that at least `runs` runs had. */
  #dearest(runs: number): number {
    let dearest = 0;
    for (const cost of this.#costs.values()) {
      if (cost.runs >= runs && this.#runs - cost.lastRun <= memoryRuns) dearest = Math.max(dearest, cost.ms);
    }
    return dearest;
  }
}
