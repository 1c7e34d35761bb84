import type {
  BatchStatistics,
  StatisticDuration,
  StatisticsRecorder,
  StatisticsSnapshot,
} from '../inference/statistics.ts';
import type { Clock } from '../util/clock.ts';
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
}: SharedStatisticsOptions): StatisticsRecorder & { snapshot(): StatisticsSnapshot } {
  const parts = memories.map((memory) => new ModelStatistics({ name, version, clock, memory }));
  const own = writer === undefined ? undefined : parts[writer];
  const recorder = own ?? new ModelStatistics({ name, version, clock });
  const summed = own === undefined ? [recorder, ...parts] : parts;
  return {
    recordBatch: (rows, requests, queueMs, inputMs, inferMs, outputMs) =>
      recorder.recordBatch(rows, requests, queueMs, inputMs, inferMs, outputMs),
    recordSuccess: (totalMs) => recorder.recordSuccess(totalMs),
    recordFailure: (totalMs, reason) => recorder.recordFailure(totalMs, reason),
    recordCacheHit: (queueMs, lookupMs) => recorder.recordCacheHit(queueMs, lookupMs),
    recordCacheMiss: (lookupAndInsertMs) => recorder.recordCacheMiss(lookupAndInsertMs),
    setPending: (requests) => recorder.setPending(requests),
    snapshot: () => summed.map((part) => part.snapshot()).reduce(sum),
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
    failReasons: {
      REJECTED: a.failReasons.REJECTED + b.failReasons.REJECTED,
      CANCELED: a.failReasons.CANCELED + b.failReasons.CANCELED,
      BACKEND: a.failReasons.BACKEND + b.failReasons.BACKEND,
      OTHER: a.failReasons.OTHER + b.failReasons.OTHER,
    },
    queue: durations(a.queue, b.queue),
    computeInput: durations(a.computeInput, b.computeInput),
    computeInfer: durations(a.computeInfer, b.computeInfer),
    computeOutput: durations(a.computeOutput, b.computeOutput),
    cacheHit: durations(a.cacheHit, b.cacheHit),
    cacheMiss: durations(a.cacheMiss, b.cacheMiss),
    pending: a.pending + b.pending,
    batches: batches(a.batches, b.batches),
  };
}

function durations(a: StatisticDuration, b: StatisticDuration): StatisticDuration {
  return { count: a.count + b.count, ns: a.ns + b.ns };
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
