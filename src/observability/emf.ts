import { fronts } from '../inference/front.ts';
import type { Histogram, LatencySnapshot, StatisticsSnapshot } from '../inference/statistics.ts';

/** What CloudWatch calls the place of these metrics. */
const namespace = 'Tensorgate';

/** Each is a metric that is paid for: the few that alarms are made of. */
const units = {
  Requests: 'Count',
  Failures: 'Count',
  Rejected: 'Count',
  Pending: 'Count',
  LatencyMean: 'Milliseconds',
  LatencyP50: 'Milliseconds',
  LatencyP99: 'Milliseconds',
} as const;

type EmfValues = Partial<Record<keyof typeof units, number>>;

/** What is counted of a version that serves. */
export interface EmfSource {
  readonly statistics: StatisticsSnapshot;
  readonly latencies: LatencySnapshot;
}

/** Lines in CloudWatch's embedded metric format, of what happened since the last ones. */
export class EmfLines {
  #before: ReadonlyMap<string, EmfSource> = new Map();

  /** One line for each version that was used. @param epochMs now. */
  take(versions: Iterable<EmfSource>, epochMs: number): readonly string[] {
    const now = new Map<string, EmfSource>();
    const lines: string[] = [];
    for (const source of versions) {
      const { name, version } = source.statistics;
      const key = JSON.stringify([name, version]);
      now.set(key, source);
      const values = valuesOf(source, this.#before.get(key));
      if (values !== undefined) lines.push(lineOf(name, version, values, epochMs));
    }
    this.#before = now;
    return lines;
  }
}

function valuesOf(
  { statistics, latencies }: EmfSource,
  before: EmfSource | undefined,
): EmfValues | undefined {
  // A reload begins anew.
  const earlier = before !== undefined && isLater(statistics, before.statistics) ? before : undefined;
  const failed = statistics.fail.count - (earlier?.statistics.fail.count ?? 0);
  const rejected = statistics.failReasons.REJECTED - (earlier?.statistics.failReasons.REJECTED ?? 0);
  const answered = difference(allFronts(latencies), earlier && allFronts(earlier.latencies));
  const count = answered.counts.reduce((sum, bucket) => sum + bucket, 0);
  if (count + failed + statistics.pending === 0) return undefined;
  return {
    Requests: count + failed,
    Failures: failed,
    Rejected: rejected,
    Pending: statistics.pending,
    ...(count === 0
      ? {}
      : {
          LatencyMean: rounded(answered.sum / count),
          LatencyP50: rounded(quantile(answered, 0.5 * count)),
          LatencyP99: rounded(quantile(answered, 0.99 * count)),
        }),
  };
}

function isLater(now: StatisticsSnapshot, before: StatisticsSnapshot): boolean {
  return now.success.count >= before.success.count && now.fail.count >= before.fail.count;
}

function allFronts({ fronts: byFront }: LatencySnapshot): Histogram {
  const [first, ...others] = fronts.map((front) => byFront[front].answered);
  if (first === undefined) throw new Error('bug: there are no fronts');
  return others.reduce((sum, other) => combined(sum, other, 1), first);
}

function difference(now: Histogram, before: Histogram | undefined): Histogram {
  return before === undefined ? now : combined(now, before, -1);
}

function combined(a: Histogram, b: Histogram, sign: 1 | -1): Histogram {
  return {
    bounds: a.bounds,
    counts: a.counts.map((count, bucket) => count + sign * (b.counts[bucket] ?? 0)),
    sum: a.sum + sign * b.sum,
  };
}

/** Evenly spread within its bucket; the last bound for what is above all. */
function quantile({ bounds, counts }: Histogram, rank: number): number {
  let below = 0;
  for (const [bucket, bound] of bounds.entries()) {
    const inside = counts[bucket] ?? 0;
    if (below + inside >= rank && inside > 0) {
      const low = bounds[bucket - 1] ?? 0;
      return low + ((bound - low) * (rank - below)) / inside;
    }
    below += inside;
  }
  return bounds.at(-1) ?? 0;
}

function rounded(ms: number): number {
  return Number(ms.toFixed(3));
}

function lineOf(model: string, version: string, values: EmfValues, epochMs: number): string {
  const metrics = Object.entries(units)
    .filter(([name]) => Object.hasOwn(values, name))
    .map(([Name, Unit]) => ({ Name, Unit }));
  return JSON.stringify({
    _aws: {
      Timestamp: epochMs,
      CloudWatchMetrics: [
        { Namespace: namespace, Dimensions: [['Model', 'Version'], ['Model']], Metrics: metrics },
      ],
    },
    Model: model,
    Version: version,
    ...values,
  });
}
