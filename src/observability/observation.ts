import type { BreakerReading } from '../inference/breaker.ts';
import type { CacheReading } from '../inference/caching.ts';
import type { ExporterReading } from '../inference/exporter-breaker.ts';
import type { Exemplar } from '../inference/exemplar.ts';
import type { FailureCount } from './failure-counts.ts';
import type { PredictionCounts } from './predictions/prediction-log.ts';
import type { RuntimeReading } from './runtime-monitor.ts';

/** What the HTTP/2 of one gRPC listener counts. */
export interface TransportCounts {
  readonly connectionsOpened: number;
  readonly connectionsClosed: number;
  readonly streamsOpened: number;
  readonly streamsReset: number;
  readonly connectionErrors: number;
  readonly heldBytes: number;
  /** By the limit that was hit. */
  readonly limitHits: Readonly<Record<string, number>>;
}

/** What one thread that serves has counted, besides its models. */
export interface ThreadObservation {
  /** `main`, or `io-` and its number. */
  readonly thread: string;
  readonly failures: readonly FailureCount[];
  readonly transports: readonly TransportCounts[];
  /** undefined where whoever asks watches the thread itself. */
  readonly runtime: RuntimeReading | undefined;
  /** Left out without `--prediction-log`. */
  readonly predictions?: PredictionCounts | undefined;
  /** Left out without `--trace`. */
  readonly exemplars?: readonly Exemplar[];
  /** Those that this thread has. */
  readonly exporters?: readonly ExporterReading[];
}

/** The queue of one model version, in all threads together; what the batcher's inspection tells of it. */
export interface QueueReading {
  readonly model: string;
  readonly version: string;
  readonly batchingOffReason: string;
  readonly queuedRequests: number;
  readonly queuedRows: number;
  readonly queuedBytes: number;
  readonly oldestMs: number;
  readonly runningBatches: number;
  readonly knees: readonly { readonly sizeClass: number; readonly rows: number }[];
  readonly curves: readonly {
    readonly sizeClass: number;
    readonly costs: readonly { readonly rows: number; readonly ms: number; readonly samples: number }[];
  }[];
  readonly closed: Readonly<Record<string, number>>;
  readonly refused: Readonly<Record<string, number>>;
  readonly restarts: number;
  readonly breaker: BreakerReading;
  /** Only versions with a response cache have it. */
  readonly cache?: CacheReading | undefined;
}

/** Everything that serves, at one moment. */
export interface ServingObservation {
  readonly queues: readonly QueueReading[];
  readonly threads: readonly ThreadObservation[];
  /** I/O threads that were replaced. */
  readonly ioThreadRestarts: number;
}
