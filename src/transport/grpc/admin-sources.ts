import type { BreakerReading } from '../../inference/breaker.ts';
import type { CacheReading } from '../../inference/caching.ts';
import type { ModelCatalog, ModelControl } from '../../inference/catalog.ts';
import type { ExporterReading } from '../../inference/exporter-breaker.ts';
import type { Logger } from '../../inference/logger.ts';

/** The batcher's view of one model version; batching's own inspection has this shape. */
export interface BatchingReading {
  readonly model: string;
  readonly version: string;
  /** '' while requests may share a batch. */
  readonly batchingOffReason: string;
  /** '' unless the configuration asks for padding that the model does not bear. */
  readonly paddingOffReason: string;
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
  readonly breaker: BreakerReading;
  /** Only versions with a response cache have it. */
  readonly cache?: CacheReading | undefined;
}

export interface ServerReading {
  readonly id: string;
  readonly version: string;
  readonly draining: boolean;
  readonly uptimeMs: number;
  readonly residentBytes: number;
  readonly budgetUsedBytes: number;
  readonly budgetBytes: number;
  readonly listeners: readonly string[];
}

/** What the administration service reads and moves. All reads are snapshots. */
export interface AdminSources {
  readonly catalog: ModelCatalog;
  readonly control: ModelControl;
  /** Of the model versions that have been used. */
  batching(): readonly BatchingReading[] | Promise<readonly BatchingReading[]>;
  /** Forgets cached answers of a model, or of all for ''. @returns how many this server kept. */
  purge(model: string): Promise<number>;
  server(): ServerReading;
  /** Of all threads together. */
  exporters(): Promise<readonly ExporterReading[]>;
  /** Begins the orderly stop and returns at once. */
  drain(): void;
  readonly log: { level: string };
  /** Every change is logged with the caller's name. */
  readonly logger: Logger;
}
