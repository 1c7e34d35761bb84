import { silentLogger } from '../../src/inference/logger.ts';
import type { MetricCounts, MetricReport, MetricSums } from '../../src/inference/arm-metrics.ts';
import type { ArmReading, SplitTraffic, TrafficSplits } from '../../src/inference/traffic-split.ts';
import { RolloutController } from '../../src/rollouts/controller.ts';
import type { RolloutStore } from '../../src/rollouts/rollout-store.ts';
import { addSums, noValues } from '../../src/statistics/value-sums.ts';
import { logBucketCount, logBucketOf } from '../../src/util/log-buckets.ts';
import type { FakeClock } from './fake-clock.ts';

/** Requests of one arm, as the test wants them. */
export interface PuppetArm {
  requests?: number;
  failures?: number;
  broken?: number;
  compared?: number;
  differed?: number;
  /** Values of 0 to 1. */
  metrics?: Readonly<Record<string, MetricSums>>;
  durationMs?: number;
}

/** A data plane whose counts the test makes, and models that are ready when it says so. */
export class PuppetTraffic implements SplitTraffic {
  splits: TrafficSplits = new Map();
  readonly readyVersions = new Set(['1', '2']);
  mismatch = '';
  readonly #counts = new Map<string, ArmReading>();

  async split(splits: TrafficSplits): Promise<void> {
    this.splits = splits;
  }

  async readArms(): Promise<ReadonlyMap<string, readonly ArmReading[]>> {
    return new Map([['main', [...this.#counts.values()]]]);
  }

  readonly reports: MetricReport[] = [];

  async report(report: MetricReport): Promise<MetricCounts> {
    this.reports.push(report);
    return { used: report.entries.length, unknown: 0, repeated: 0, unused: 0 };
  }

  /** Percent of the users that the second arm, or the version that is alone, has. */
  weightOf(label: string): number | undefined {
    return this.splits.get('m')?.arms.find((arm) => arm.label === label)?.weight;
  }

  /** Adds to what an arm has counted. */
  add(arm: string, { requests = 0, durationMs = 5, ...others }: PuppetArm, experiment = 'm-1-to-2'): void {
    const before = this.#counts.get(arm);
    const durations = [...(before?.durations ?? Array.from({ length: logBucketCount }, () => 0))];
    const bucket = logBucketOf(durationMs);
    durations[bucket] = (durations[bucket] ?? 0) + requests - (others.failures ?? 0);
    this.#counts.set(arm, {
      model: 'm',
      experiment,
      arm,
      version: '',
      requests: (before?.requests ?? 0) + requests,
      failures: (before?.failures ?? 0) + (others.failures ?? 0),
      invalid: 0,
      fallbacks: 0,
      broken: (before?.broken ?? 0) + (others.broken ?? 0),
      durations,
      compared: (before?.compared ?? 0) + (others.compared ?? 0),
      differed: (before?.differed ?? 0) + (others.differed ?? 0),
      dropped: 0,
      metrics: added(before?.metrics ?? {}, others.metrics ?? {}),
    });
  }
}

function added(
  before: Readonly<Record<string, MetricSums>>,
  more: Readonly<Record<string, MetricSums>>,
): Record<string, MetricSums> {
  const sums: Record<string, MetricSums> = { ...before };
  for (const [name, one] of Object.entries(more)) sums[name] = addSums(sums[name] ?? noValues, one);
  return sums;
}

/** A controller over a puppet's traffic. */
export function puppetController(
  traffic: PuppetTraffic,
  store: RolloutStore,
  clock: FakeClock,
): RolloutController {
  return new RolloutController({
    clock,
    logger: silentLogger,
    traffic,
    store,
    intervalMs: 300,
    models: {
      ready: (_model, version) => traffic.readyVersions.has(version),
      mismatch: () => traffic.mismatch,
      labels: () => undefined,
    },
  });
}
