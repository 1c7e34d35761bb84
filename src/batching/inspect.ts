import type { TargetInspection } from './inspection.ts';
import { readBreaker } from './model-breaker.ts';
import type { TargetQueue } from './target-queue.ts';

/** One reading of everything that can be known about a target's queue. */
export function inspectQueue(queue: TargetQueue, nowMs: number): TargetInspection {
  const { spec } = queue.target;
  const oldest = queue.oldestQueuedAt();
  let requests = queue.requests;
  let { rows, sizeBytes } = queue;
  for (const { entries } of queue.held) {
    for (const entry of entries) {
      if (entry.state !== 'waiting') continue;
      requests += 1;
      rows += entry.rows;
      sizeBytes += entry.sizeBytes;
    }
  }
  return {
    model: spec.name,
    version: spec.version,
    digest: spec.digest,
    batchingOffReason: queue.batchingOffReason,
    paddingOffReason: queue.target.scheduling.paddingOffReason,
    queuedRequests: requests,
    queuedRows: rows,
    queuedBytes: sizeBytes,
    oldestMs: oldest === Infinity ? 0 : nowMs - oldest,
    lanes: queue.activeLanes.length,
    runningBatches: queue.runningBatches,
    knees: queue.costs.knees(),
    curves: queue.costs.export(),
    closed: queue.counters.closed(),
    refused: queue.counters.refused(),
    restarts: queue.target.executors.reduce((sum, executor) => sum + (executor.restarts ?? 0), 0),
    breaker: readBreaker(queue, nowMs),
    batchSizes: queue.counters.batchSizes(),
  };
}
