import type { ModelCatalog, ModelControl } from '../../inference/catalog.ts';
import type { Logger } from '../../inference/logger.ts';

/** What one batch size of a model version has cost so far. */
export interface BatchCostReading {
  readonly rows: number;
  readonly ms: number;
  readonly samples: number;
}

/** The batcher's view of one model version. */
export interface BatchingReading {
  readonly waitingRequests: number;
  readonly waitingRows: number;
  readonly oldestWaitMs: number;
  readonly costs: readonly BatchCostReading[];
  /** Batch size from which more rows no longer raise throughput; 0 while unknown. */
  readonly kneeRows: number;
  readonly closeReasons: Readonly<Record<string, number>>;
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
  /** undefined while the batcher knows nothing of that version. */
  batching(model: string, version: string): BatchingReading | undefined;
  server(): ServerReading;
  /** Begins the orderly stop and returns at once. */
  drain(): void;
  readonly log: { level: string };
  /** Every change is logged with the caller's name. */
  readonly logger: Logger;
}
