import type {
  BatchStatistics,
  FrontStatistics,
  LatencySnapshot,
  ResponseStatistics,
  StatisticDuration,
  StatisticsRecorder,
  StatisticsSnapshot,
} from '../inference/statistics.ts';
import type { Clock } from '../util/clock.ts';
import { sumHistograms } from './histogram-cells.ts';
import { ModelStatistics } from './statistics.ts';

export interface SharedStatisticsOptions {
  readonly name: string;
  readonly version: string;
  readonly clock: Clock;
  /** One for each thread, of `ModelStatistics.sizeBytes`. */
  readonly memories: readonly SharedArrayBuffer[];
  /** Whose memory is written here; none for a thread that only reads. */
  readonly writer: number | undefined;
}

/** Statistics of one model version that several threads serve: each counts in memory of its own, and each reads the sum. */
export function createSharedStatistics({
  name,
  version,
  clock,
  memories,
  writer,
}: SharedStatisticsOptions): StatisticsRecorder & {
  snapshot(): StatisticsSnapshot;
  latencies(): LatencySnapshot;
} {
  const parts = memories.map((memory) => new ModelStatistics({ name, version, clock, memory }));
  const own = writer === undefined ? undefined : parts[writer];
  const recorder = own ?? new ModelStatistics({ name, version, clock });
  const summed = own === undefined ? [recorder, ...parts] : parts;
  return {
    recordBatch: (rows, requests, queueMs, inputMs, inferMs, outputMs) =>
      recorder.recordBatch(rows, requests, queueMs, inputMs, inferMs, outputMs),
    recordQueueWait: (queueMs) => recorder.recordQueueWait(queueMs),
    recordSuccess: (totalMs, front) => recorder.recordSuccess(totalMs, front),
    recordFirstAnswer: (totalMs) => recorder.recordFirstAnswer(totalMs),
    recordResponse: (index, ending, times) => recorder.recordResponse(index, ending, times),
    recordFailure: (totalMs, reason, front) => recorder.recordFailure(totalMs, reason, front),
    recordCacheHit: (queueMs, lookupMs) => recorder.recordCacheHit(queueMs, lookupMs),
    recordCacheMiss: (lookupAndInsertMs) => recorder.recordCacheMiss(lookupAndInsertMs),
    setPending: (requests) => recorder.setPending(requests),
    snapshot: () => summed.map((part) => part.snapshot()).reduce(sum),
    latencies: () => summed.map((part) => part.latencies()).reduce(sumLatencies),
  };
}

function sumLatencies(a: LatencySnapshot, b: LatencySnapshot): LatencySnapshot {
  return {
    fronts: {
      grpc: sumFronts(a.fronts.grpc, b.fronts.grpc),
      http: sumFronts(a.fronts.http, b.fronts.http),
      embedded: sumFronts(a.fronts.embedded, b.fronts.embedded),
    },
    firstAnswer: sumHistograms(a.firstAnswer, b.firstAnswer),
    queue: sumHistograms(a.queue, b.queue),
    computeInput: sumHistograms(a.computeInput, b.computeInput),
    computeInfer: sumHistograms(a.computeInfer, b.computeInfer),
    computeOutput: sumHistograms(a.computeOutput, b.computeOutput),
  };
}

function sumFronts(a: FrontStatistics, b: FrontStatistics): FrontStatistics {
  return {
    answered: sumHistograms(a.answered, b.answered),
    failed: failReasons(a.failed, b.failed),
  };
}

function failReasons(
  a: StatisticsSnapshot['failReasons'],
  b: StatisticsSnapshot['failReasons'],
): StatisticsSnapshot['failReasons'] {
  return {
    REJECTED: a.REJECTED + b.REJECTED,
    CANCELED: a.CANCELED + b.CANCELED,
    BACKEND: a.BACKEND + b.BACKEND,
    OTHER: a.OTHER + b.OTHER,
  };
}

function sum(a: StatisticsSnapshot, b: StatisticsSnapshot): StatisticsSnapshot {
  return {
    name: a.name,
    version: a.version,
    lastInference: Math.max(a.lastInference, b.lastInference),
    inferenceCount: a.inferenceCount + b.inferenceCount,
    executionCount: a.executionCount + b.executionCount,
    success: durations(a.success, b.success),
    fail: durations(a.fail, b.fail),
    failReasons: failReasons(a.failReasons, b.failReasons),
    queue: durations(a.queue, b.queue),
    computeInput: durations(a.computeInput, b.computeInput),
    computeInfer: durations(a.computeInfer, b.computeInfer),
    computeOutput: durations(a.computeOutput, b.computeOutput),
    cacheHit: durations(a.cacheHit, b.cacheHit),
    cacheMiss: durations(a.cacheMiss, b.cacheMiss),
    pending: a.pending + b.pending,
    batches: batches(a.batches, b.batches),
    responses: responses(a.responses, b.responses),
  };
}

function durations(a: StatisticDuration, b: StatisticDuration): StatisticDuration {
  return { count: a.count + b.count, ns: a.ns + b.ns };
}

/** In the order of their indices. */
function responses(
  a: readonly ResponseStatistics[],
  b: readonly ResponseStatistics[],
): readonly ResponseStatistics[] {
  const byIndex = new Map(a.map((response) => [response.index, response]));
  for (const response of b) {
    const other = byIndex.get(response.index);
    byIndex.set(response.index, other === undefined ? response : sumResponses(other, response));
  }
  return [...byIndex.values()].sort((x, y) => x.index - y.index);
}

function sumResponses(a: ResponseStatistics, b: ResponseStatistics): ResponseStatistics {
  return {
    index: a.index,
    computeInfer: durations(a.computeInfer, b.computeInfer),
    computeOutput: durations(a.computeOutput, b.computeOutput),
    success: durations(a.success, b.success),
    fail: durations(a.fail, b.fail),
    emptyResponse: durations(a.emptyResponse, b.emptyResponse),
    cancel: durations(a.cancel, b.cancel),
  };
}

/** In the order of their sizes. */
function batches(a: readonly BatchStatistics[], b: readonly BatchStatistics[]): readonly BatchStatistics[] {
  const bySize = new Map(a.map((batch) => [batch.batchSize, batch]));
  for (const batch of b) {
    const other = bySize.get(batch.batchSize);
    bySize.set(
      batch.batchSize,
      other === undefined
        ? batch
        : {
            batchSize: batch.batchSize,
            computeInput: durations(other.computeInput, batch.computeInput),
            computeInfer: durations(other.computeInfer, batch.computeInfer),
            computeOutput: durations(other.computeOutput, batch.computeOutput),
          },
    );
  }
  return [...bySize.values()].sort((x, y) => x.batchSize - y.batchSize);
}
