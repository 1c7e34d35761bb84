import type { StatisticsRecorder } from '../inference/statistics.ts';

/** Batches of slots are counted by who knows which of their rows are requests. */
export function pendingOnly(statistics: StatisticsRecorder): StatisticsRecorder {
  return { ...uncounted, setPending: (requests) => statistics.setPending(requests) };
}

/** What the batcher counts of steps: all but what became of the request, which has many of them. */
export function stepStatistics(statistics: StatisticsRecorder): StatisticsRecorder {
  return {
    ...pendingOnly(statistics),
    recordBatch: (...counts) => statistics.recordBatch(...counts),
    recordQueueWait: (queueMs) => statistics.recordQueueWait(queueMs),
  };
}

const nothing = (): void => undefined;

const uncounted: StatisticsRecorder = {
  recordBatch: nothing,
  recordQueueWait: nothing,
  recordSuccess: nothing,
  recordFirstAnswer: nothing,
  recordResponse: nothing,
  recordFailure: nothing,
  recordCacheHit: nothing,
  recordCacheMiss: nothing,
  setPending: nothing,
};
