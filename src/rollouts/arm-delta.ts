import type { ArmReading } from '../inference/traffic-split.ts';

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
}

/** Both arms of one rollout. */
export interface RolloutDelta {
  readonly model: string;
  /** Of the rollout: what is counted for one that is over is nobody's any more. */
  readonly experiment: string;
  readonly stable: ArmDelta;
  readonly candidate: ArmDelta;
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
  };
}

export function addDeltas(one: ArmDelta, other: ArmDelta): ArmDelta {
  const [longer, shorter] =
    one.durations.length >= other.durations.length
      ? [one.durations, other.durations]
      : [other.durations, one.durations];
  return {
    requests: one.requests + other.requests,
    failures: one.failures + other.failures,
    invalid: one.invalid + other.invalid,
    broken: one.broken + other.broken,
    compared: one.compared + other.compared,
    differed: one.differed + other.differed,
    dropped: one.dropped + other.dropped,
    durations: longer.map((count, bucket) => count + (shorter[bucket] ?? 0)),
  };
}
