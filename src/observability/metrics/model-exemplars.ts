import type { ThreadObservation } from '../observation.ts';
import { requestBoundsMs } from '../statistics.ts';
import type { PointExemplar } from './metric.ts';

/** Names a series of latencies. */
export function seriesOf(labels: {
  readonly model: string;
  readonly version: string;
  readonly front: string;
}): string {
  return JSON.stringify([labels.model, labels.version, labels.front]);
}

/** The newest exemplar of each bucket, of all threads, by series. */
export function exemplarsOf(
  threads: readonly ThreadObservation[],
): ReadonlyMap<string, ReadonlyMap<number, PointExemplar>> {
  const series = new Map<string, Map<number, PointExemplar>>();
  for (const { exemplars = [] } of threads) {
    for (const exemplar of exemplars) {
      const key = seriesOf(exemplar);
      const buckets = series.get(key) ?? new Map<number, PointExemplar>();
      series.set(key, buckets);
      const { traceId, spanId, ms, epochMs } = exemplar;
      const fits = requestBoundsMs.findIndex((bound) => ms <= bound);
      const bucket = fits < 0 ? requestBoundsMs.length : fits;
      const epochSeconds = epochMs / 1000;
      if ((buckets.get(bucket)?.epochSeconds ?? 0) >= epochSeconds) continue;
      buckets.set(bucket, { labels: { trace_id: traceId, span_id: spanId }, value: ms / 1000, epochSeconds });
    }
  }
  return series;
}
