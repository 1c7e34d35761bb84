import type { RolloutReport } from '../../inference/rollout-admin.ts';
import type { LatencySnapshot, StatisticsSnapshot } from '../../inference/statistics.ts';
import type { QueueReading, ServingObservation, ThreadObservation } from '../observation.ts';
import type { RuntimeReading } from '../runtime-monitor.ts';
import type { Labels } from './metric.ts';
import type { ArmCounts } from './rollout-metrics.ts';

/** One version that serves. */
export interface VersionReading {
  readonly platform: string;
  /** Of its files and its configuration. */
  readonly digest: string;
  readonly statistics: StatisticsSnapshot;
  readonly latencies: LatencySnapshot;
  readonly decoupled: boolean;
  readonly loadMs: number;
  /** metric_tags of its configuration. */
  readonly tags: Labels;
}

export interface ProcessReading {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly startedAtSeconds: number;
}

/** The whole machine, or the container where it hides the rest. */
export interface MachineReading {
  /** From 0 to 1, over all processors. */
  readonly cpuUtilization: number;
  readonly memoryTotalBytes: number;
  readonly memoryUsedBytes: number;
}

export interface BuildReading {
  readonly version: string;
  readonly node: string;
}

/** The quality of one version that is monitored. */
export interface QualityReading {
  readonly model: string;
  readonly version: string;
  /** By name; those that its answers do not have are left out. */
  readonly metrics: Readonly<Record<string, number>>;
  /** By what became of them. */
  readonly labels: Readonly<Record<string, number>>;
  /** Requests that were not looked at, by why. */
  readonly unread: Readonly<Record<'failed' | 'dropped', number>>;
  /** Undefined where there is no baseline. */
  readonly belowBaseline: boolean | undefined;
  readonly medianLagMs: number | undefined;
  readonly changes: number;
  readonly estimatedAccuracy: number | undefined;
  /** Tensors that are compared as vectors, as far as windows are complete. */
  readonly embeddings: readonly {
    readonly side: string;
    readonly name: string;
    readonly shift: number;
    readonly drifted: boolean;
  }[];
  /** Of inputs and answers, as far as windows are complete. */
  readonly drift: readonly {
    readonly side: string;
    readonly drifted: boolean;
    readonly share: number;
    readonly features: readonly {
      readonly name: string;
      readonly stabilityIndex: number;
      readonly drifted: boolean;
    }[];
  }[];
}

/** A remote model repository. */
export interface RepositoryReading {
  readonly source: string;
  readonly up: boolean;
  readonly failures: number;
  readonly fetchedBytes: number;
  readonly seenAtEpochMs: number | undefined;
}

export interface RolloutsReading {
  readonly rollouts: readonly RolloutReport[];
  readonly arms: readonly ArmCounts[];
}

const noRollouts: RolloutsReading = { rollouts: [], arms: [] };

/** What the rest of the server tells at a scrape; each call reads counters that are there anyway. */
export interface MetricsSources {
  /** Read one by one. */
  versions(): Iterable<VersionReading>;
  observe(): Promise<ServingObservation>;
  /** Of versions that are monitored. */
  readonly quality?: () => readonly QualityReading[];
  /** Rollouts, and the arms of all threads; left out where there are none. */
  readonly rollouts?: () => Promise<RolloutsReading>;
  /** Remote model repositories; left out where there are none. */
  readonly repositories?: () => readonly RepositoryReading[];
  ready(): boolean;
  readonly budget: { readonly heldBytes: number; readonly limitBytes: number };
  /** By result; left out where the configuration is not read again. */
  readonly configReloads?: Readonly<Record<'success' | 'failure', number>> | undefined;
  readonly build: BuildReading;
}

/** Everything that is told at one scrape. */
export interface ServerReading {
  readonly versions: readonly VersionReading[];
  /** One for each version that has been used. */
  readonly queues: readonly QueueReading[];
  readonly threads: readonly ThreadObservation[];
  readonly ioThreadRestarts: number;
  readonly quality: readonly QualityReading[];
  readonly rollouts: readonly RolloutReport[];
  readonly arms: readonly ArmCounts[];
  readonly repositories: readonly RepositoryReading[];
  readonly ready: boolean;
  readonly budget: { readonly heldBytes: number; readonly limitBytes: number };
  readonly configReloads: MetricsSources['configReloads'];
  readonly build: BuildReading;
  readonly process: ProcessReading;
  readonly machine: MachineReading | undefined;
}

export interface OwnReadings {
  /** Of the thread that asks. */
  readonly runtime: RuntimeReading;
  readonly process: ProcessReading;
  readonly machine: MachineReading | undefined;
  /** Resolves when the event loop has turned. */
  readonly nextTurn: () => Promise<void>;
}

/** Versions that are read at once: some hundred microseconds. */
const versionsPerTurn = 20;

export async function readServer(sources: MetricsSources, own: OwnReadings): Promise<ServerReading> {
  const { queues, threads, ioThreadRestarts } = await sources.observe();
  const versions: VersionReading[] = [];
  for (const version of sources.versions()) {
    if (versions.push(version) % versionsPerTurn === 0) await own.nextTurn();
  }
  const { rollouts, arms } = (await sources.rollouts?.()) ?? noRollouts;
  return {
    quality: sources.quality?.() ?? [],
    repositories: sources.repositories?.() ?? [],
    rollouts,
    arms,
    versions,
    queues: oneForEachVersion(queues),
    threads: withRuntime(threads, own.runtime),
    ioThreadRestarts,
    ready: sources.ready(),
    budget: sources.budget,
    configReloads: sources.configReloads,
    build: sources.build,
    process: own.process,
    machine: own.machine,
  };
}

/** A version that is being replaced has two queues for a while: what waits adds up, what was counted is the newer one's. */
function oneForEachVersion(queues: readonly QueueReading[]): readonly QueueReading[] {
  const byVersion = new Map<string, QueueReading>();
  for (const queue of queues) {
    const key = `${queue.version}/${queue.model}`;
    const older = byVersion.get(key);
    byVersion.set(key, older === undefined ? queue : withWaiting(queue, older));
  }
  return [...byVersion.values()];
}

function withWaiting(newer: QueueReading, older: QueueReading): QueueReading {
  return {
    ...newer,
    queuedRequests: newer.queuedRequests + older.queuedRequests,
    queuedRows: newer.queuedRows + older.queuedRows,
    queuedBytes: newer.queuedBytes + older.queuedBytes,
    oldestMs: Math.max(newer.oldestMs, older.oldestMs),
    runningBatches: newer.runningBatches + older.runningBatches,
  };
}

function withRuntime(threads: readonly ThreadObservation[], runtime: RuntimeReading): ThreadObservation[] {
  const main = threads.find(({ thread }) => thread === 'main');
  const others = threads.filter((thread) => thread !== main);
  return [{ failures: [], transports: [], ...main, thread: 'main', runtime }, ...others];
}
