import { addHistograms, bucketsOf, Change, meanOf, quantileOf } from './change.ts';
import type { CumulativeHistogram, MetricsReading } from './reading.ts';

/** Milliseconds; null where nothing was counted. */
export interface Percentiles {
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
}

/** The server as a whole, over the window of the view. */
export interface ServerView {
  readonly version: string;
  readonly ready: boolean;
  readonly uptimeSeconds: number;
  readonly requestsPerSecond: number;
  readonly failuresPerSecond: number;
  /** Turned away by schedulers. */
  readonly refusedPerSecond: number;
  readonly latencyMs: Percentiles;
  readonly cpuCores: number;
  /** Of the whole machine, from 0 to 1; null where it does not tell. */
  readonly machineCpu: number | null;
  readonly residentBytes: number;
  readonly heapUsedBytes: number;
  readonly heldBytes: number;
  readonly heldLimitBytes: number;
  readonly grpcConnections: number;
  readonly eventLoopDelayP99Ms: number | null;
  readonly waitingRequests: number;
}

export type BreakerWord = 'closed' | 'half_open' | 'open';

export interface CacheView {
  /** Of the requests in the window that were looked up; null without any. */
  readonly hitRatio: number | null;
  readonly entries: number;
  readonly sizeBytes: number;
  readonly off: boolean;
}

/** One version of a model that serves, over the window of the view. */
export interface VersionView {
  readonly model: string;
  readonly version: string;
  readonly platform: string;
  readonly requestsPerSecond: number;
  readonly failuresPerSecond: number;
  readonly refusedPerSecond: number;
  /** Of the requests to all versions of its model; null where it is the only one, or without requests. */
  readonly trafficShare: number | null;
  /** From the last byte of a request to its answer. */
  readonly latencyMs: Percentiles;
  readonly queueMs: Percentiles;
  readonly computeMs: Percentiles;
  /** Mean rows of a batch; null without any. */
  readonly batchRows: number | null;
  readonly batchesPerSecond: number;
  /** Batches in the window by the upper bound of their rows; null is above all bounds. */
  readonly batchSizes: readonly { readonly upTo: number | null; readonly batches: number }[];
  readonly waitingRequests: number;
  readonly oldestWaitSeconds: number;
  readonly runningBatches: number;
  readonly batchingOff: boolean;
  readonly breaker: BreakerWord;
  readonly breakerOpened: number;
  readonly executorRestarts: number;
  /** null without a response cache. */
  readonly cache: CacheView | null;
}

/** What a person wants to see of a running server. Rates and percentiles are over `windowSeconds`. */
export interface LiveView {
  readonly windowSeconds: number;
  /** There was nothing to compare with: the window is all the time since the server's start. */
  readonly sinceStart: boolean;
  readonly server: ServerView;
  /** By name, and newest version first. */
  readonly versions: readonly VersionView[];
}

const breakerWords: readonly BreakerWord[] = ['closed', 'half_open', 'open'];

const requests = 'tensorgate_request_duration_seconds';

/** @param older an earlier reading of the same address. Without one, or from before a restart, it is all since the start. */
export function viewOf(newer: MetricsReading, older: MetricsReading | undefined): LiveView {
  const startedAt = newer.server.sum('process_start_time_seconds');
  const same = older !== undefined && older.server.sum('process_start_time_seconds') === startedAt;
  const uptimeSeconds = Math.max(0.001, newer.takenAtMs / 1000 - startedAt);
  const between = older === undefined ? Infinity : (newer.takenAtMs - older.takenAtMs) / 1000;
  const windowSeconds = Math.max(0.001, same ? between : Math.min(between, uptimeSeconds));
  const changes = Array.from(
    newer.versions,
    ([key, group]) => new Change(group, same ? older.versions.get(key) : undefined, windowSeconds),
  );
  const versions = changes.map(versionView);
  const latencies = addHistograms(changes.map((change) => change.histogram(requests)));
  const change = new Change(newer.server, same ? older.server : undefined, windowSeconds);
  return {
    windowSeconds,
    sinceStart: !same,
    server: serverView(change, { versions, uptimeSeconds, latencyMs: percentilesMs(latencies) }),
    versions: withShares(versions).toSorted(
      (left, right) => compare(left.model, right.model) || Number(right.version) - Number(left.version),
    ),
  };
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function versionView(change: Change): VersionView {
  const group = change.newer;
  const answered = change.histogram(requests);
  const rows = change.histogram('tensorgate_batch_rows');
  return {
    model: group.labels['model'] ?? '',
    version: group.labels['version'] ?? '',
    platform: group.label('tensorgate_model_info', 'platform'),
    requestsPerSecond: change.perSecond(`${requests}_count`),
    failuresPerSecond: change.perSecond('tensorgate_request_failures_total'),
    refusedPerSecond: change.perSecond('tensorgate_requests_refused_total'),
    trafficShare: null,
    latencyMs: percentilesMs(answered),
    queueMs: percentilesMs(change.histogram('tensorgate_queue_duration_seconds')),
    computeMs: percentilesMs(change.histogram('tensorgate_compute_infer_duration_seconds')),
    batchRows: meanOf(rows) ?? null,
    batchesPerSecond: change.perSecond('tensorgate_batch_rows_count'),
    batchSizes: bucketsOf(rows).map(([bound, batches]) => ({
      upTo: bound === Infinity ? null : bound,
      batches,
    })),
    waitingRequests: group.sum('tensorgate_queue_requests'),
    oldestWaitSeconds: group.sum('tensorgate_queue_oldest_seconds'),
    runningBatches: group.sum('tensorgate_running_batches'),
    batchingOff: group.sum('tensorgate_batching_off') > 0,
    breaker: breakerWords[group.sum('tensorgate_breaker_state')] ?? 'closed',
    breakerOpened: group.sum('tensorgate_breaker_opened_total'),
    executorRestarts: group.sum('tensorgate_executor_restarts_total'),
    cache: group.has('tensorgate_cache_entries') ? cacheView(change) : null,
  };
}

function cacheView(change: Change): CacheView {
  const group = change.newer;
  const outcomes = change.growthBy('tensorgate_cache_requests_total', 'outcome');
  const all = [...outcomes.values()].reduce((sum, count) => sum + count, 0);
  return {
    hitRatio: all === 0 ? null : (all - (outcomes.get('miss') ?? 0)) / all,
    entries: group.sum('tensorgate_cache_entries'),
    sizeBytes: group.sum('tensorgate_cache_bytes'),
    off: group.sum('tensorgate_cache_off') > 0,
  };
}

interface ServerParts {
  readonly versions: readonly VersionView[];
  readonly uptimeSeconds: number;
  readonly latencyMs: Percentiles;
}

function serverView(change: Change, { versions, uptimeSeconds, latencyMs }: ServerParts): ServerView {
  const server = change.newer;
  const total = (pick: (version: VersionView) => number): number =>
    versions.reduce((sum, version) => sum + pick(version), 0);
  return {
    version: server.label('tensorgate_build_info', 'version'),
    ready: server.sum('tensorgate_ready') === 1,
    uptimeSeconds,
    requestsPerSecond: total(({ requestsPerSecond }) => requestsPerSecond),
    failuresPerSecond: total(({ failuresPerSecond }) => failuresPerSecond),
    refusedPerSecond: total(({ refusedPerSecond }) => refusedPerSecond),
    latencyMs,
    cpuCores: change.perSecond('process_cpu_seconds_total'),
    machineCpu: server.has('nv_cpu_utilization') ? server.sum('nv_cpu_utilization') : null,
    residentBytes: server.sum('process_resident_memory_bytes'),
    heapUsedBytes: server.sum('tensorgate_heap_used_bytes'),
    heldBytes: server.sum('tensorgate_byte_budget_used_bytes'),
    heldLimitBytes: server.sum('tensorgate_byte_budget_limit_bytes'),
    grpcConnections: server.sum('tensorgate_grpc_connections'),
    eventLoopDelayP99Ms: percentilesMs(change.histogram('tensorgate_event_loop_delay_seconds')).p99,
    waitingRequests: total(({ waitingRequests }) => waitingRequests),
  };
}

/** Only models of several versions divide their traffic. */
function withShares(versions: readonly VersionView[]): readonly VersionView[] {
  const byModel = Map.groupBy(versions, ({ model }) => model);
  return versions.map((version) => {
    const siblings = byModel.get(version.model) ?? [];
    const all = siblings.reduce((sum, { requestsPerSecond }) => sum + requestsPerSecond, 0);
    return siblings.length < 2 || all === 0
      ? version
      : { ...version, trafficShare: version.requestsPerSecond / all };
  });
}

function percentilesMs(seconds: CumulativeHistogram): Percentiles {
  const at = (quantile: number): number | null => {
    const value = quantileOf(seconds, quantile);
    return value === undefined ? null : value * 1000;
  };
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}
