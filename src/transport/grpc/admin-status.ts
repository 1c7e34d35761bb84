import type { BreakerReading } from '../../inference/breaker.ts';
import type { CacheReading } from '../../inference/caching.ts';
import type { ExporterReading } from '../../inference/exporter-breaker.ts';
import type { StatisticDuration, StatisticsSnapshot } from '../../inference/statistics.ts';
import type { BatchingReading, ServerReading } from './admin-sources.ts';

/** `tensorgate.admin.v1.ModelVersionStatus`. */
export function modelVersionStatus(
  snapshot: StatisticsSnapshot,
  batching: BatchingReading | undefined,
): object {
  return {
    name: snapshot.name,
    version: snapshot.version,
    last_inference_epoch_ms: Math.round(snapshot.lastInference),
    rows: snapshot.inferenceCount,
    batches: snapshot.executionCount,
    success: duration(snapshot.success),
    fail: duration(snapshot.fail),
    queue: duration(snapshot.queue),
    compute: duration(snapshot.computeInfer),
    failures: snapshot.failReasons,
    batch_sizes: Object.fromEntries(
      snapshot.batches.map((batch) => [batch.batchSize, batch.computeInfer.count]),
    ),
    batching: batching === undefined ? null : batchingStatus(batching),
    breaker: batching === undefined ? null : breakerStatus(batching.breaker),
    cache: batching?.cache === undefined ? null : cacheStatus(batching.cache),
  };
}

/** `tensorgate.admin.v1.ServerStatusResponse`. */
export function serverStatus(
  server: ServerReading,
  ready: boolean,
  exporters: readonly ExporterReading[],
): object {
  return {
    id: server.id,
    version: server.version,
    ready,
    draining: server.draining,
    uptime_seconds: server.uptimeMs / 1000,
    resident_bytes: server.residentBytes,
    budget_used_bytes: server.budgetUsedBytes,
    budget_bytes: server.budgetBytes,
    listeners: server.listeners,
    exporters: exporters.map(({ exporter, state, cause, opened, opensForMs }) => ({
      exporter,
      state,
      cause,
      opened,
      opens_for_ms: opensForMs,
    })),
  };
}

function batchingStatus(batching: BatchingReading): object {
  const knees = new Map(batching.knees.map(({ sizeClass, rows }) => [sizeClass, rows]));
  return {
    off_reason: batching.batchingOffReason,
    waiting_requests: batching.queuedRequests,
    waiting_rows: batching.queuedRows,
    waiting_bytes: batching.queuedBytes,
    oldest_wait_ms: batching.oldestMs,
    running_batches: batching.runningBatches,
    curves: batching.curves.map(({ sizeClass, costs }) => ({
      size_class: sizeClass,
      costs: costs.map(({ rows, ms, samples }) => ({ rows, milliseconds: ms, samples })),
      knee_rows: knees.get(sizeClass) ?? 0,
    })),
    close_reasons: batching.closed,
    padding_off_reason: batching.paddingOffReason,
  };
}

function breakerStatus(breaker: BreakerReading): object {
  return {
    state: breaker.state,
    cause: breaker.cause,
    opened: breaker.opened,
    opens_for_ms: breaker.opensForMs,
    hung_runs: breaker.hungRuns,
  };
}

function cacheStatus(cache: CacheReading): object {
  return {
    off_reason: cache.offReason,
    requests: cache.requests,
    bypassed: cache.bypassed,
    rows: cache.rows,
    entries: cache.entries,
    size_bytes: cache.sizeBytes,
    hit_ratio: cache.hitRatio,
    lookup_ms: cache.lookupMs,
    insert_ms: cache.insertMs,
    compute_ms: cache.computeMs,
    shared:
      cache.shared === undefined
        ? null
        : {
            off_reason: cache.shared.offReason,
            round_trip_ms: cache.shared.roundTripMs,
            events: cache.shared.events,
          },
  };
}

function duration({ count, ns }: StatisticDuration): object {
  return { count, total_ns: Math.round(ns) };
}
