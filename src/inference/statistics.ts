import type { Front } from './front.ts';

/** Why a request failed, in Triton's words (label `reason` of nv_inference_request_failure). */
export type FailureReason = 'REJECTED' | 'CANCELED' | 'BACKEND' | 'OTHER';

/** What became of one of the answers of a request that has several: an empty one only says that it was the last. */
export type ResponseEnding = 'success' | 'fail' | 'empty' | 'cancel';

/** Where the stages report what happened to the requests of one model version. Durations are milliseconds. */
export interface StatisticsRecorder {
  /** Once per executed batch. `queueMs` is the sum over the batch's requests; the compute parts are the batch's own. */
  recordBatch(
    rows: number,
    requests: number,
    queueMs: number,
    inputMs: number,
    inferMs: number,
    outputMs: number,
  ): void;
  /** Once per request of an executed batch. */
  recordQueueWait(queueMs: number): void;
  recordSuccess(totalMs: number, front: Front): void;
  /** Beside `recordSuccess`, once per request of many steps that was answered at all: when its first answer was there. */
  recordFirstAnswer(totalMs: number): void;
  /**
   * Once per answer of a request that may have several.
   *
   * @param index 0 for its first answer. @param inferMs From the answer before it. @param outputMs Until it was taken.
   */
  recordResponse(
    index: number,
    ending: ResponseEnding,
    times: { readonly inferMs: number; readonly outputMs: number },
  ): void;
  recordFailure(totalMs: number, reason: FailureReason, front: Front): void;
  recordCacheHit(queueMs: number, lookupMs: number): void;
  recordCacheMiss(lookupAndInsertMs: number): void;
  /** Requests that wait in the queue now. */
  setPending(requests: number): void;
}

export interface StatisticDuration {
  readonly count: number;
  readonly ns: number;
}

export interface BatchStatistics {
  readonly batchSize: number;
  readonly computeInput: StatisticDuration;
  readonly computeInfer: StatisticDuration;
  readonly computeOutput: StatisticDuration;
}

/** The answers with one place among those of their requests: Triton's InferResponseStatistics. */
export interface ResponseStatistics {
  readonly index: number;
  readonly computeInfer: StatisticDuration;
  readonly computeOutput: StatisticDuration;
  readonly success: StatisticDuration;
  readonly fail: StatisticDuration;
  readonly emptyResponse: StatisticDuration;
  readonly cancel: StatisticDuration;
}

/** Counts of values by size. */
export interface Histogram {
  /** Upper ends of the buckets, inclusive and ascending. */
  readonly bounds: readonly number[];
  /** One for each bucket, and one for what is above all bounds. Not cumulative. */
  readonly counts: readonly number[];
  readonly sum: number;
}

/** What became of the requests that came through one front. */
export interface FrontStatistics {
  /** Milliseconds from the last byte of a request to its answer, failures apart. */
  readonly answered: Histogram;
  readonly failed: Readonly<Record<FailureReason, number>>;
}

/** How long each part of answering took, in milliseconds. Requests wait by themselves, and are computed as batches. */
export interface LatencySnapshot {
  readonly fronts: Readonly<Record<Front, FrontStatistics>>;
  /** Of requests of many steps alone. */
  readonly firstAnswer: Histogram;
  readonly queue: Histogram;
  readonly computeInput: Histogram;
  readonly computeInfer: Histogram;
  readonly computeOutput: Histogram;
}

/** One reading of everything counted for a model version, with the exact meaning of Triton's ModelStatistics. */
export interface StatisticsSnapshot {
  readonly name: string;
  readonly version: string;
  /** Epoch milliseconds of the last executed batch; 0 before the first. */
  readonly lastInference: number;
  /** Rows, without cache hits. */
  readonly inferenceCount: number;
  readonly executionCount: number;
  readonly success: StatisticDuration;
  readonly fail: StatisticDuration;
  readonly failReasons: Readonly<Record<FailureReason, number>>;
  readonly queue: StatisticDuration;
  readonly computeInput: StatisticDuration;
  readonly computeInfer: StatisticDuration;
  readonly computeOutput: StatisticDuration;
  readonly cacheHit: StatisticDuration;
  readonly cacheMiss: StatisticDuration;
  readonly pending: number;
  readonly batches: readonly BatchStatistics[];
  /** Of models that answer several times; by index. */
  readonly responses: readonly ResponseStatistics[];
}
