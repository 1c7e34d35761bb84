import type {
  Histogram,
  LatencySnapshot,
  StatisticDuration,
  StatisticsSnapshot,
} from '../../inference/statistics.ts';
import type { HistogramMetric, Labels, Metric, NumberMetric, NumberPoint } from './metric.ts';
import type { MachineReading, VersionReading } from './server-reading.ts';

/** Forms of latencies that Triton lets its operators choose. */
export interface TritonLatencies {
  readonly counters: boolean;
  readonly histograms: boolean;
}

/**
 * Triton's metrics under its exact names, types, texts and labels, counted as its ModelStatistics are, so that its
 * dashboards, scaling rules and clients read them as they are.
 */
export function tritonMetrics({ counters, histograms }: TritonLatencies): readonly Metric[] {
  return [
    ...requestCounters,
    ...(counters ? latencyCounters : []),
    ...(counters ? cacheCounters : []),
    ...gauges,
    ...(histograms ? [firstResponse] : []),
    ...machineGauges,
  ];
}

/** Of each reading of a version: nearly all of its metrics have the same. */
const labelsByVersion = new WeakMap<VersionReading, Labels>();

function labelsOf(version: VersionReading): Labels {
  let labels = labelsByVersion.get(version);
  if (labels === undefined) {
    labels = sortedLabels(version, {});
    labelsByVersion.set(version, labels);
  }
  return labels;
}

/** In the order of their names, as Triton prints them. */
function sortedLabels({ statistics, tags }: VersionReading, more: Labels): Labels {
  const labels: Labels = { ...tags, ...more, model: statistics.name, version: statistics.version };
  return Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function perVersion(
  kind: NumberMetric['kind'],
  name: string,
  help: string,
  value: (reading: VersionReading) => number | undefined,
): NumberMetric {
  const point = (version: VersionReading): readonly NumberPoint[] => {
    const found = value(version);
    return found === undefined ? [] : [{ labels: labelsOf(version), value: found }];
  };
  return { kind, name, help, labels: ['model', 'version'], read: ({ versions }) => versions.flatMap(point) };
}

function counter(
  name: string,
  help: string,
  value: (statistics: StatisticsSnapshot) => number | undefined,
): NumberMetric {
  return perVersion('counter', name, help, ({ statistics }) => value(statistics));
}

function microseconds({ ns }: StatisticDuration): number {
  return Math.floor(ns / 1000);
}

const requestCounters: readonly Metric[] = [
  counter(
    'nv_inference_request_success',
    'Number of successful inference requests, all batch sizes',
    ({ success }) => success.count,
  ),
  {
    kind: 'counter',
    name: 'nv_inference_request_failure',
    help: 'Number of failed inference requests, all batch sizes',
    labels: ['model', 'reason', 'version'],
    read: ({ versions }) =>
      versions.flatMap((version) =>
        Object.entries(version.statistics.failReasons).map(([reason, value]) => ({
          labels: sortedLabels(version, { reason }),
          value,
        })),
      ),
  },
  counter(
    'nv_inference_count',
    'Number of inferences performed (does not include cached requests)',
    ({ inferenceCount }) => inferenceCount,
  ),
  counter(
    'nv_inference_exec_count',
    'Number of model executions performed (does not include cached requests)',
    ({ executionCount }) => executionCount,
  ),
];

const latencyCounters: readonly Metric[] = [
  counter(
    'nv_inference_request_duration_us',
    'Cumulative inference request duration in microseconds (includes cached requests)',
    ({ success }) => microseconds(success),
  ),
  counter(
    'nv_inference_queue_duration_us',
    'Cumulative inference queuing duration in microseconds (includes cached requests)',
    ({ queue }) => microseconds(queue),
  ),
  counter(
    'nv_inference_compute_input_duration_us',
    'Cumulative compute input duration in microseconds (does not include cached requests)',
    ({ computeInput }) => microseconds(computeInput),
  ),
  counter(
    'nv_inference_compute_infer_duration_us',
    'Cumulative compute inference duration in microseconds (does not include cached requests)',
    ({ computeInfer }) => microseconds(computeInfer),
  ),
  counter(
    'nv_inference_compute_output_duration_us',
    'Cumulative inference compute output duration in microseconds (does not include cached requests)',
    ({ computeOutput }) => microseconds(computeOutput),
  ),
];

/** Triton has these for models with a response cache; here, for versions whose requests have met one. */
const cacheCounters: readonly Metric[] = [
  counter('nv_cache_num_hits_per_model', 'Number of cache hits per model', (statistics) =>
    cached(statistics, ({ cacheHit }) => cacheHit.count),
  ),
  counter('nv_cache_num_misses_per_model', 'Number of cache misses per model', (statistics) =>
    cached(statistics, ({ cacheMiss }) => cacheMiss.count),
  ),
  counter(
    'nv_cache_hit_duration_per_model',
    'Total cache hit duration per model, in microseconds',
    (statistics) => cached(statistics, ({ cacheHit }) => microseconds(cacheHit)),
  ),
  counter(
    'nv_cache_miss_duration_per_model',
    'Total cache miss (insert+lookup) duration per model, in microseconds',
    (statistics) => cached(statistics, ({ cacheMiss }) => microseconds(cacheMiss)),
  ),
];

function cached(
  statistics: StatisticsSnapshot,
  value: (statistics: StatisticsSnapshot) => number,
): number | undefined {
  return statistics.cacheHit.count + statistics.cacheMiss.count > 0 ? value(statistics) : undefined;
}

const gauges: readonly Metric[] = [
  perVersion(
    'gauge',
    'nv_inference_pending_request_count',
    'Instantaneous number of pending requests awaiting execution per-model.',
    ({ statistics }) => statistics.pending,
  ),
  perVersion(
    'gauge',
    'nv_model_load_duration_secs',
    'Model load time in seconds',
    ({ loadMs }) => loadMs / 1000,
  ),
];

const firstResponseBoundsMs = [100, 500, 2000, 5000];

/**
 * As Triton has it, for decoupled models only: the others' first response is their only one. So is that of decoupled models
 * that take one step.
 */
const firstResponse: HistogramMetric = {
  kind: 'histogram',
  name: 'nv_inference_first_response_histogram_ms',
  help: 'Duration from request to first response in milliseconds',
  labels: ['model', 'version'],
  read: ({ versions }) =>
    versions
      .filter(({ decoupled }) => decoupled)
      .map((version) => {
        const { firstAnswer, fronts } = version.latencies;
        const first = wasUsed(firstAnswer) ? [firstAnswer] : answeredOf(fronts);
        const all = first.map((histogram) => coarser(histogram, firstResponseBoundsMs));
        return {
          labels: labelsOf(version),
          histogram: {
            bounds: firstResponseBoundsMs,
            counts: firstResponseBoundsMs
              .concat(Infinity)
              .map((_, bucket) => all.reduce((sum, { counts }) => sum + (counts[bucket] ?? 0), 0)),
            sum: all.reduce((sum, histogram) => sum + histogram.sum, 0),
          },
        };
      }),
};

function wasUsed({ counts }: Histogram): boolean {
  return counts.some((count) => count > 0);
}

function answeredOf({ grpc, http, embedded }: LatencySnapshot['fronts']): readonly Histogram[] {
  return [grpc.answered, http.answered, embedded.answered];
}

/** @param bounds which are all among the histogram's own. */
function coarser(histogram: Histogram, bounds: readonly number[]): Histogram {
  const counts = bounds.concat(Infinity).map(() => 0);
  for (const [bucket, count] of histogram.counts.entries()) {
    const upper = histogram.bounds[bucket] ?? Infinity;
    const at = bounds.findIndex((bound) => upper <= bound);
    const target = at < 0 ? bounds.length : at;
    counts[target] = (counts[target] ?? 0) + count;
  }
  return { bounds, counts, sum: histogram.sum };
}

function machineGauge(name: string, help: string, value: (machine: MachineReading) => number): NumberMetric {
  return {
    kind: 'gauge',
    name,
    help,
    labels: [],
    read: ({ machine }) => (machine === undefined ? [] : [{ labels: {}, value: value(machine) }]),
  };
}

const machineGauges: readonly Metric[] = [
  machineGauge(
    'nv_cpu_utilization',
    'CPU utilization rate [0.0 - 1.0]',
    ({ cpuUtilization }) => cpuUtilization,
  ),
  machineGauge(
    'nv_cpu_memory_total_bytes',
    'CPU total memory (RAM), in bytes',
    ({ memoryTotalBytes }) => memoryTotalBytes,
  ),
  machineGauge(
    'nv_cpu_memory_used_bytes',
    'CPU used memory (RAM), in bytes',
    ({ memoryUsedBytes }) => memoryUsedBytes,
  ),
];
