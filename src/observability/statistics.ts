import { fronts, type Front } from '../inference/front.ts';
import type {
  BatchStatistics,
  FailureReason,
  FrontStatistics,
  LatencySnapshot,
  ResponseEnding,
  StatisticDuration,
  StatisticsRecorder,
  StatisticsSnapshot,
} from '../inference/statistics.ts';
import type { Clock } from '../util/clock.ts';
import { HistogramCells } from './histogram-cells.ts';
import { ResponseCells } from './response-cells.ts';

/** Where each number stands in the shared memory. Times are sums in milliseconds. */
const at = {
  lastInference: 0,
  inferences: 1,
  executions: 2,
  successes: 3,
  successMs: 4,
  failures: 5,
  failureMs: 6,
  queueMs: 7,
  inputMs: 8,
  inferMs: 9,
  outputMs: 10,
  cacheHits: 11,
  cacheHitMs: 12,
  cacheMisses: 13,
  cacheMissMs: 14,
  pending: 15,
  REJECTED: 16,
  CANCELED: 17,
  BACKEND: 18,
  OTHER: 19,
} as const;

const failureReasons = [
  'REJECTED',
  'CANCELED',
  'BACKEND',
  'OTHER',
] as const satisfies readonly FailureReason[];

/** From what a network adds anyway to where callers have given up. Triton's 100, 500, 2000 and 5000 are among them. */
export const requestBoundsMs = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];

/** Parts of a request are told more coarsely: every bound is a line of each scrape for each model. */
const queueBoundsMs = [0.1, 0.5, 1, 5, 10, 50, 100, 500, 1000, 5000];

/** Down to what a small model takes. */
const inferBoundsMs = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 50, 100, 500, 1000, 5000];

/** Copying is seldom worth a closer look than its order of magnitude. */
const copyBoundsMs = [0.01, 0.1, 1, 10, 100];

const queueCells = new HistogramCells(20, queueBoundsMs);
const inputCells = new HistogramCells(queueCells.end, copyBoundsMs);
const inferCells = new HistogramCells(inputCells.end, inferBoundsMs);
const outputCells = new HistogramCells(inferCells.end, copyBoundsMs);
const grpcCells = new HistogramCells(outputCells.end, requestBoundsMs);
const httpCells = new HistogramCells(grpcCells.end, requestBoundsMs);
const embeddedCells = new HistogramCells(httpCells.end, requestBoundsMs);
const firstAnswerCells = new HistogramCells(embeddedCells.end, requestBoundsMs);
const answeredCells = {
  grpc: grpcCells,
  http: httpCells,
  embedded: embeddedCells,
} as const satisfies Record<Front, HistogramCells>;

/** Failures by front, and within each in the order of `failureReasons`. */
const frontFailuresAt = {
  grpc: firstAnswerCells.end,
  http: firstAnswerCells.end + failureReasons.length,
  embedded: firstAnswerCells.end + 2 * failureReasons.length,
} as const satisfies Record<Front, number>;

const responseCells = new ResponseCells(firstAnswerCells.end + fronts.length * failureReasons.length);

const batchesAt = responseCells.end;

/** Of each executed batch size: the size, executions, and the sums of the three compute times. */
const batchFields = 5;

/** Different batch sizes that are told apart; further ones are counted with the nearest smaller one that is. */
const maxBatchSizes = 1024;

export interface ModelStatisticsOptions {
  readonly name: string;
  readonly version: string;
  readonly clock: Clock;
  /**
   * Memory of `ModelStatistics.sizeBytes` that another thread reads: zeroed, or with what an earlier writer counted. Own
   * memory by default.
   */
  readonly memory?: SharedArrayBuffer;
}

/**
 * Counts what happened to the requests of one model version, the way Triton counts for its ModelStatistics. One thread
 * writes; any thread that has the memory may read, and may then see a request half counted.
 */
export class ModelStatistics implements StatisticsRecorder {
  static readonly sizeBytes = (batchesAt + batchFields * maxBatchSizes) * Float64Array.BYTES_PER_ELEMENT;

  readonly memory: SharedArrayBuffer;
  readonly #name: string;
  readonly #version: string;
  readonly #clock: Clock;
  readonly #numbers: Float64Array;
  /** Where each batch size that occurred is counted. */
  readonly #batchStarts = new Map<number, number>();

  constructor({ name, version, clock, memory }: ModelStatisticsOptions) {
    this.memory = memory ?? new SharedArrayBuffer(ModelStatistics.sizeBytes);
    this.#name = name;
    this.#version = version;
    this.#clock = clock;
    this.#numbers = new Float64Array(this.memory);
    for (let index = 0; index < maxBatchSizes; index++) {
      const start = batchesAt + batchFields * index;
      const batchSize = this.#get(start);
      if (batchSize === 0) break;
      this.#batchStarts.set(batchSize, start);
    }
  }

  /** Every request of a batch is given the whole batch's compute times, so their sums exceed the wall clock. */
  recordBatch(
    rows: number,
    requests: number,
    queueMs: number,
    inputMs: number,
    inferMs: number,
    outputMs: number,
  ): void {
    const numbers = this.#numbers;
    numbers[at.lastInference] = this.#clock.epochMs();
    this.#add(at.inferences, rows);
    this.#add(at.executions, 1);
    this.#add(at.queueMs, queueMs);
    this.#add(at.inputMs, inputMs * requests);
    this.#add(at.inferMs, inferMs * requests);
    this.#add(at.outputMs, outputMs * requests);
    inputCells.add(numbers, inputMs);
    inferCells.add(numbers, inferMs);
    outputCells.add(numbers, outputMs);
    const batch = this.#batchStarts.get(rows) ?? this.#startBatchSize(rows);
    this.#add(batch + 1, 1);
    this.#add(batch + 2, inputMs);
    this.#add(batch + 3, inferMs);
    this.#add(batch + 4, outputMs);
  }

  recordQueueWait(queueMs: number): void {
    queueCells.add(this.#numbers, queueMs);
  }

  /** Once per answered request, also when the answer came from the cache. */
  recordSuccess(totalMs: number, front: Front): void {
    this.#add(at.successes, 1);
    this.#add(at.successMs, totalMs);
    answeredCells[front].add(this.#numbers, totalMs);
  }

  recordFirstAnswer(totalMs: number): void {
    firstAnswerCells.add(this.#numbers, totalMs);
  }

  recordResponse(
    index: number,
    ending: ResponseEnding,
    times: { readonly inferMs: number; readonly outputMs: number },
  ): void {
    responseCells.add(this.#numbers, index, ending, times);
  }

  recordFailure(totalMs: number, reason: FailureReason, front: Front): void {
    this.#add(at.failures, 1);
    this.#add(at.failureMs, totalMs);
    this.#add(at[reason], 1);
    this.#add(frontFailuresAt[front] + failureReasons.indexOf(reason), 1);
  }

  /** Beside `recordSuccess`: what a hit waited, and how long the look-up took. */
  recordCacheHit(queueMs: number, lookupMs: number): void {
    this.#add(at.queueMs, queueMs);
    this.#add(at.cacheHits, 1);
    this.#add(at.cacheHitMs, lookupMs);
  }

  /** Look-up and insertion come on top of what `recordSuccess` was told. */
  recordCacheMiss(lookupAndInsertMs: number): void {
    this.#add(at.successMs, lookupAndInsertMs);
    this.#add(at.cacheMisses, 1);
    this.#add(at.cacheMissMs, lookupAndInsertMs);
  }

  setPending(requests: number): void {
    this.#numbers[at.pending] = requests;
  }

  snapshot(): StatisticsSnapshot {
    const successes = this.#get(at.successes);
    const computed = successes - this.#get(at.cacheHits);
    return {
      name: this.#name,
      version: this.#version,
      lastInference: this.#get(at.lastInference),
      inferenceCount: this.#get(at.inferences),
      executionCount: this.#get(at.executions),
      success: duration(successes, this.#get(at.successMs)),
      fail: duration(this.#get(at.failures), this.#get(at.failureMs)),
      failReasons: {
        REJECTED: this.#get(at.REJECTED),
        CANCELED: this.#get(at.CANCELED),
        BACKEND: this.#get(at.BACKEND),
        OTHER: this.#get(at.OTHER),
      },
      queue: duration(successes, this.#get(at.queueMs)),
      computeInput: duration(computed, this.#get(at.inputMs)),
      computeInfer: duration(computed, this.#get(at.inferMs)),
      computeOutput: duration(computed, this.#get(at.outputMs)),
      cacheHit: duration(this.#get(at.cacheHits), this.#get(at.cacheHitMs)),
      cacheMiss: duration(this.#get(at.cacheMisses), this.#get(at.cacheMissMs)),
      pending: this.#get(at.pending),
      batches: this.#batches(),
      responses: responseCells.read(this.#numbers),
    };
  }

  /** Apart from `snapshot`, which answers to the protocol: only metrics read it. */
  latencies(): LatencySnapshot {
    const numbers = this.#numbers;
    return {
      fronts: {
        grpc: this.#frontStatistics('grpc'),
        http: this.#frontStatistics('http'),
        embedded: this.#frontStatistics('embedded'),
      },
      firstAnswer: firstAnswerCells.read(numbers),
      queue: queueCells.read(numbers),
      computeInput: inputCells.read(numbers),
      computeInfer: inferCells.read(numbers),
      computeOutput: outputCells.read(numbers),
    };
  }

  #frontStatistics(front: Front): FrontStatistics {
    const failed = frontFailuresAt[front];
    return {
      answered: answeredCells[front].read(this.#numbers),
      failed: {
        REJECTED: this.#get(failed),
        CANCELED: this.#get(failed + 1),
        BACKEND: this.#get(failed + 2),
        OTHER: this.#get(failed + 3),
      },
    };
  }

  #startBatchSize(rows: number): number {
    const known = this.#batchStarts.size;
    if (known >= maxBatchSizes) return this.#nearestSmaller(rows);
    const start = batchesAt + batchFields * known;
    this.#numbers[start] = rows;
    this.#batchStarts.set(rows, start);
    return start;
  }

  #nearestSmaller(rows: number): number {
    let nearest = -Infinity;
    let smallest = Infinity;
    for (const size of this.#batchStarts.keys()) {
      if (size < rows && size > nearest) nearest = size;
      if (size < smallest) smallest = size;
    }
    return this.#batchStarts.get(nearest === -Infinity ? smallest : nearest) ?? batchesAt;
  }

  /** In the order of their sizes. */
  #batches(): readonly BatchStatistics[] {
    const batches: BatchStatistics[] = [];
    for (let index = 0; index < maxBatchSizes; index++) {
      const start = batchesAt + batchFields * index;
      const batchSize = this.#get(start);
      if (batchSize === 0) break;
      const count = this.#get(start + 1);
      batches.push({
        batchSize,
        computeInput: duration(count, this.#get(start + 2)),
        computeInfer: duration(count, this.#get(start + 3)),
        computeOutput: duration(count, this.#get(start + 4)),
      });
    }
    return batches.sort((a, b) => a.batchSize - b.batchSize);
  }

  #add(index: number, amount: number): void {
    this.#numbers[index] = (this.#numbers[index] ?? 0) + amount;
  }

  #get(index: number): number {
    return this.#numbers[index] ?? 0;
  }
}

/** Nanoseconds are what the protocol counts in; rounded once here instead of at each request. */
function duration(count: number, ms: number): StatisticDuration {
  return { count, ns: Math.round(ms * 1e6) };
}
