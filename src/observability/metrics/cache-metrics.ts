import type { CacheReading } from '../../inference/caching.ts';
import type { QueueReading } from '../observation.ts';
import type { Labels, Metric, NumberMetric } from './metric.ts';
import type { ServerReading } from './server-reading.ts';

const perVersion = ['model', 'version'] as const;

interface CacheOf {
  readonly labels: Labels;
  readonly cache: CacheReading;
}

function caches({ queues }: Pick<ServerReading, 'queues'>): readonly CacheOf[] {
  return queues.flatMap(({ model, version, cache }: QueueReading) =>
    cache === undefined ? [] : [{ labels: { model, version }, cache }],
  );
}

function gauge(name: string, help: string, value: (cache: CacheReading) => number): NumberMetric {
  return {
    kind: 'gauge',
    name,
    help,
    labels: perVersion,
    read: (reading) => caches(reading).map(({ labels, cache }) => ({ labels, value: value(cache) })),
  };
}

interface CountsMetric {
  readonly name: string;
  readonly help: string;
  readonly label: string;
  readonly counts: (cache: CacheReading) => Readonly<Record<string, number>>;
}

function counter({ name, help, label, counts }: CountsMetric): NumberMetric {
  return {
    kind: 'counter',
    name,
    help,
    labels: [...perVersion, label],
    read: (reading) =>
      caches(reading).flatMap(({ labels, cache }) =>
        Object.entries(counts(cache)).map(([word, value]) => ({
          labels: { ...labels, [label]: word },
          value,
        })),
      ),
  };
}

/** What the response cache does for each version that has one and has been used. */
export const cacheMetrics: readonly Metric[] = [
  counter({
    name: 'tensorgate_cache_requests_total',
    help: 'Requests that were looked up: found, found past their time, joined to an equal one under way, found in the shared cache, or computed.',
    label: 'outcome',
    counts: ({ requests }) => requests,
  }),
  counter({
    name: 'tensorgate_cache_bypassed_total',
    help: 'Requests that went past the cache, by reason.',
    label: 'reason',
    counts: ({ bypassed }) => bypassed,
  }),
  counter({
    name: 'tensorgate_cache_rows_total',
    help: 'Rows of requests with several, of models with row_independent: found, equal to another one of their request, or computed.',
    label: 'outcome',
    counts: ({ rows }) => rows,
  }),
  gauge(
    'tensorgate_cache_off',
    '1 while requests go past the cache, because the model is random or looking up does not pay.',
    ({ offReason }) => (offReason === '' ? 0 : 1),
  ),
  gauge('tensorgate_cache_entries', 'Answers that are kept.', ({ entries }) => entries),
  gauge('tensorgate_cache_bytes', 'Memory of the answers that are kept.', ({ sizeBytes }) => sizeBytes),
  gauge(
    'tensorgate_cache_lookup_seconds',
    'Mean time of looking up of late, hashing included.',
    ({ lookupMs }) => lookupMs / 1000,
  ),
  gauge(
    'tensorgate_cache_compute_seconds',
    "Mean time of computing of late: a request's part of its batch.",
    ({ computeMs }) => computeMs / 1000,
  ),
  counter({
    name: 'tensorgate_cache_shared_events_total',
    help: 'What happened to answers in the shared cache: it was too slow, failed, held something else, took an answer or took none, or gave one before it was asked for.',
    label: 'event',
    counts: ({ shared }) => shared?.events ?? {},
  }),
  {
    kind: 'gauge',
    name: 'tensorgate_cache_shared_round_trip_seconds',
    help: 'Mean time of asking the shared cache of late; 0 until it was asked.',
    labels: perVersion,
    read: (reading) =>
      caches(reading).flatMap(({ labels, cache: { shared } }) =>
        shared === undefined ? [] : [{ labels, value: shared.roundTripMs / 1000 }],
      ),
  },
  {
    kind: 'gauge',
    name: 'tensorgate_cache_shared_off',
    help: '1 while the shared cache is not asked, because it does not answer or computing takes less than three round trips.',
    labels: perVersion,
    read: (reading) =>
      caches(reading).flatMap(({ labels, cache: { shared } }) =>
        shared === undefined ? [] : [{ labels, value: shared.offReason === '' ? 0 : 1 }],
      ),
  },
];
