import type { BreakerReading } from '../../src/inference/breaker.ts';
import type { CacheReading } from '../../src/inference/caching.ts';
import type {
  QueueReading,
  ThreadObservation,
  TransportCounts,
} from '../../src/observability/observation.ts';
import type { PredictionCounts } from '../../src/observability/predictions/prediction-log.ts';
import { ModelStatistics } from '../../src/observability/statistics.ts';
import type {
  QualityReading,
  ServerReading,
  VersionReading,
} from '../../src/observability/metrics/server-reading.ts';
import type { RuntimeReading } from '../../src/observability/runtime-monitor.ts';
import { FakeClock } from './fake-clock.ts';

interface BuiltVersion extends Partial<VersionReading> {
  readonly name?: string;
  readonly version?: string;
  /** What happens to it before it is read. */
  readonly use?: (statistics: ModelStatistics) => void;
}

/** A version `m` 1 that took a quarter of a second to load and was never used, unless said otherwise. */
export function buildVersion({
  name = 'm',
  version = '1',
  use,
  ...overrides
}: BuiltVersion = {}): VersionReading {
  const statistics = new ModelStatistics({ name, version, clock: new FakeClock() });
  use?.(statistics);
  return {
    platform: 'onnxruntime_onnx',
    digest: '0123456789abcdef',
    decoupled: false,
    statistics: statistics.snapshot(),
    latencies: statistics.latencies(),
    loadMs: 250,
    tags: {},
    ...overrides,
  };
}

export function buildBreakerReading(overrides: Partial<BreakerReading> = {}): BreakerReading {
  return { state: 'closed', cause: '', opened: 0, opensForMs: 0, hungRuns: 0, ...overrides };
}

export function buildQueue(overrides: Partial<QueueReading> = {}): QueueReading {
  return {
    model: 'm',
    version: '1',
    batchingOffReason: '',
    queuedRequests: 0,
    queuedRows: 0,
    queuedBytes: 0,
    oldestMs: 0,
    runningBatches: 0,
    knees: [],
    curves: [],
    closed: { slot_free: 0, full: 0 },
    refused: { PREEMPTED: 0 },
    restarts: 0,
    breaker: buildBreakerReading(),
    ...overrides,
  };
}

/** A cache that has met one request of each kind. */
export function buildCacheReading(overrides: Partial<CacheReading> = {}): CacheReading {
  return {
    offReason: '',
    requests: { hit: 1, stale: 1, joined: 1, shared: 1, miss: 1 },
    bypassed: { random_operators: 0, does_not_pay: 0 },
    rows: { found: 2, repeated: 1, computed: 3 },
    entries: 1,
    sizeBytes: 500,
    hitRatio: 0.75,
    lookupMs: 0.005,
    insertMs: 0.002,
    computeMs: 3,
    shared: {
      offReason: '',
      roundTripMs: 0.4,
      events: { timeout: 1, error: 1, invalid: 1, written: 1, unwritten: 1, fetched: 1 },
    },
    ...overrides,
  };
}

export function buildTransport(overrides: Partial<TransportCounts> = {}): TransportCounts {
  return {
    connectionsOpened: 0,
    connectionsClosed: 0,
    streamsOpened: 0,
    streamsReset: 0,
    connectionErrors: 0,
    heldBytes: 0,
    limitHits: { pings: 0 },
    ...overrides,
  };
}

export function buildRuntime(overrides: Partial<RuntimeReading> = {}): RuntimeReading {
  const none = { bounds: [1, 10], counts: [0, 0, 0], sum: 0 };
  return {
    eventLoopDelay: none,
    eventLoopActiveMs: 0,
    eventLoopIdleMs: 0,
    collections: { scavenge: none, mark_sweep: none, other: none },
    heapUsedBytes: 0,
    heapLimitBytes: 0,
    ...overrides,
  };
}

export function buildThread(overrides: Partial<ThreadObservation> = {}): ThreadObservation {
  return { thread: 'main', failures: [], transports: [], runtime: undefined, ...overrides };
}

/** What a thread with a prediction log of the model `m` counted. */
export function buildPredictions(overrides: Partial<PredictionCounts> = {}): PredictionCounts {
  return {
    models: [{ model: 'm', records: 3, dropped: { pending: 1, rows: 2, unreadable: 0 } }],
    sinks: [{ sink: 'jsonl', written: 2, dropped: 0, failures: 1, buffered: 1 }],
    ...overrides,
  };
}

export function buildQuality(overrides: Partial<QualityReading> = {}): QualityReading {
  return {
    model: 'iris',
    version: '1',
    metrics: { accuracy: 0.9 },
    labels: { accepted: 1, unknown: 0, repeated: 0, unfitting: 0 },
    unread: { failed: 0, dropped: 0 },
    belowBaseline: false,
    medianLagMs: 1000,
    changes: 0,
    estimatedAccuracy: 0.9,
    embeddings: [{ side: 'answers', name: 'vector', shift: 0.1, drifted: false }],
    drift: [
      {
        side: 'inputs',
        drifted: true,
        share: 1,
        features: [{ name: 'x', stabilityIndex: 1, drifted: true }],
      },
    ],
    ...overrides,
  };
}

/** A server without models. */
export function buildReading(overrides: Partial<ServerReading> = {}): ServerReading {
  return {
    versions: [],
    queues: [],
    threads: [],
    quality: [],
    rollouts: [],
    arms: [],
    repositories: [],
    ioThreadRestarts: 0,
    ready: true,
    budget: { heldBytes: 0, limitBytes: 1024 },
    configReloads: undefined,
    build: { version: '1.2.3', node: '26.0.0' },
    process: { cpuSeconds: 1.5, residentBytes: 2048, startedAtSeconds: 1_700_000_000 },
    machine: undefined,
    ...overrides,
  };
}
