import type { ArmReading } from '../inference/traffic-split.ts';
import { addSums, noValues, type ValueSums } from '../statistics/value-sums.ts';

/** What one arm has counted since it was last looked at. */
export interface ArmDelta {
  readonly requests: number;
  readonly failures: number;
  readonly invalid: number;
  readonly broken: number;
  readonly compared: number;
  readonly differed: number;
  readonly dropped: number;
  /** See `util/log-buckets.ts`. */
  readonly durations: readonly number[];
  /** What was reported, by metric, as parts of the metric's range. */
  readonly metrics: Readonly<Record<string, ValueSums>>;
}

/** All arms of one rollout. */
export interface RolloutDelta {
  readonly model: string;
  /** Of the rollout: what is counted for one that is over is nobody's any more. */
  readonly experiment: string;
  /** In the order of the plan. */
  readonly arms: readonly ArmDelta[];
}

export const noDelta: ArmDelta = {
  requests: 0,
  failures: 0,
  invalid: 0,
  broken: 0,
  compared: 0,
  differed: 0,
  dropped: 0,
  durations: [],
  metrics: {},
};

/** What came after `earlier`; all of it where the counts have begun anew. */
export function deltaOf(reading: ArmReading, earlier: ArmReading | undefined): ArmDelta {
  const before = earlier === undefined || earlier.requests > reading.requests ? undefined : earlier;
  const since = (read: (counts: ArmReading) => number): number =>
    Math.max(0, read(reading) - (before === undefined ? 0 : read(before)));
  return {
    requests: since(({ requests }) => requests),
    failures: since(({ failures }) => failures),
    invalid: since(({ invalid }) => invalid),
    broken: since(({ broken }) => broken),
    compared: since(({ compared }) => compared),
    differed: since(({ differed }) => differed),
    dropped: since(({ dropped }) => dropped),
    durations: reading.durations.map((count, bucket) =>
      Math.max(0, count - (before?.durations[bucket] ?? 0)),
    ),
    metrics: Object.fromEntries(
      Object.entries(reading.metrics).map(([name, sums]) => [name, sumsSince(sums, before?.metrics[name])]),
    ),
  };
}

function sumsSince(now: ValueSums, earlier: ValueSums | undefined): ValueSums {
  if (earlier === undefined || earlier.count > now.count) return now;
  return {
    count: now.count - earlier.count,
    sum: Math.max(0, now.sum - earlier.sum),
    squares: Math.max(0, now.squares - earlier.squares),
  };
}

export function addDeltas(one: ArmDelta, other: ArmDelta): ArmDelta {
  const [longer, shorter] =
    one.durations.length >= other.durations.length
      ? [one.durations, other.durations]
      : [other.durations, one.durations];
  const metrics: Record<string, ValueSums> = { ...one.metrics };
  for (const [name, sums] of Object.entries(other.metrics)) {
    metrics[name] = addSums(metrics[name] ?? noValues, sums);
  }
  return {
    requests: one.requests + other.requests,
    failures: one.failures + other.failures,
    invalid: one.invalid + other.invalid,
    broken: one.broken + other.broken,
    compared: one.compared + other.compared,
    differed: one.differed + other.differed,
    dropped: one.dropped + other.dropped,
    durations: longer.map((count, bucket) => count + (shorter[bucket] ?? 0)),
    metrics,
  };
}

/** Whether there is anything in it that somebody should know. */
export function isNews({ requests, broken, compared, metrics }: ArmDelta): boolean {
  return requests + broken + compared > 0 || Object.values(metrics).some(({ count }) => count > 0);
}
