import {
  refusalReasons,
  type BatchSizeCount,
  type CostCurve,
  type TargetInspection,
} from '../batching/inspection.ts';
import { mergeBreakers } from './merge-breakers.ts';
import { mergeCacheReadings } from './merge-cache-readings.ts';

/** What all threads together hold of each model version: sums, the oldest wait, and costs weighted by their samples. */
export function mergeInspections(
  threads: readonly (readonly TargetInspection[])[],
): readonly TargetInspection[] {
  const merged = new Map<string, TargetInspection>();
  for (const inspection of threads.flat()) {
    const key = `${inspection.model}/${inspection.version}/${inspection.digest}`;
    const other = merged.get(key);
    merged.set(key, other === undefined ? inspection : merge(other, inspection));
  }
  return [...merged.values()];
}

function merge(a: TargetInspection, b: TargetInspection): TargetInspection {
  return {
    model: a.model,
    version: a.version,
    digest: a.digest,
    batchingOffReason: a.batchingOffReason || b.batchingOffReason,
    paddingOffReason: a.paddingOffReason || b.paddingOffReason,
    queuedRequests: a.queuedRequests + b.queuedRequests,
    queuedRows: a.queuedRows + b.queuedRows,
    queuedBytes: a.queuedBytes + b.queuedBytes,
    oldestMs: Math.max(a.oldestMs, b.oldestMs),
    lanes: a.lanes + b.lanes,
    runningBatches: a.runningBatches + b.runningBatches,
    knees: knees(a.knees, b.knees),
    curves: curves(a.curves, b.curves),
    closed: {
      slot_free: a.closed.slot_free + b.closed.slot_free,
      full: a.closed.full + b.closed.full,
      deadline: a.closed.deadline + b.closed.deadline,
      delay: a.closed.delay + b.closed.delay,
      preferred_size: a.closed.preferred_size + b.closed.preferred_size,
    },
    refused: refusals(a.refused, b.refused),
    restarts: a.restarts + b.restarts,
    breaker: mergeBreakers(a.breaker, b.breaker),
    batchSizes: batchSizes(a.batchSizes, b.batchSizes),
    ...(a.cache === undefined && b.cache === undefined
      ? {}
      : { cache: mergeCacheReadings(a.cache, b.cache) }),
  };
}

function refusals(
  a: TargetInspection['refused'],
  b: TargetInspection['refused'],
): TargetInspection['refused'] {
  const sums = { ...a };
  for (const reason of refusalReasons) sums[reason] += b[reason];
  return sums;
}

/** The larger of two: a knee is the largest allowed size until it is known. */
function knees(a: TargetInspection['knees'], b: TargetInspection['knees']): TargetInspection['knees'] {
  const bySize = new Map(a.map(({ sizeClass, rows }) => [sizeClass, rows]));
  for (const { sizeClass, rows } of b) bySize.set(sizeClass, Math.max(rows, bySize.get(sizeClass) ?? 0));
  return Array.from(bySize, ([sizeClass, rows]) => ({ sizeClass, rows }));
}

function curves(a: readonly CostCurve[], b: readonly CostCurve[]): readonly CostCurve[] {
  return mergeBy(
    [...a, ...b],
    ({ sizeClass }) => sizeClass,
    (x, y) => ({
      sizeClass: x.sizeClass,
      costs: mergeBy(
        [...x.costs, ...y.costs],
        ({ rows }) => rows,
        (one, other) => {
          const samples = one.samples + other.samples;
          const sum = one.ms * one.samples + other.ms * other.samples;
          return { rows: one.rows, ms: samples === 0 ? one.ms : sum / samples, samples };
        },
      ).toSorted((one, other) => one.rows - other.rows),
    }),
  );
}

function batchSizes(a: readonly BatchSizeCount[], b: readonly BatchSizeCount[]): readonly BatchSizeCount[] {
  return mergeBy(
    [...a, ...b],
    ({ rows }) => rows,
    (x, y) => ({ rows: x.rows, batches: x.batches + y.batches }),
  ).toSorted((x, y) => x.rows - y.rows);
}

/** One of each key, in the order of their first appearance. */
function mergeBy<T>(items: readonly T[], keyOf: (item: T) => number, join: (a: T, b: T) => T): T[] {
  const found = new Map<number, T>();
  for (const item of items) {
    const other = found.get(keyOf(item));
    found.set(keyOf(item), other === undefined ? item : join(other, item));
  }
  return [...found.values()];
}
