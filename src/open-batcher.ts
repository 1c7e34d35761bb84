import type { Batcher } from './batching/batcher.ts';
import { CostCache } from './batching/cost-cache.ts';
import { createBatcher } from './batching/create-batcher.ts';
import type { BatcherInspection } from './batching/inspection.ts';
import type { RateLimiter } from './batching/rate-limiter.ts';
import { RowReader } from './batching/split.ts';
import { cacheAnswers } from './cache/cache-answers.ts';
import { openShared } from './cache/open-shared.ts';
import type { Options } from './config/options.ts';
import type { CachePurge } from './inference/caching.ts';
import type { Logger } from './inference/logger.ts';
import { batchSequences } from './sequences/batch-sequences.ts';
import type { Clock } from './util/clock.ts';

export type ServingBatcher = Batcher & BatcherInspection & CachePurge & Disposable;

export interface BatcherParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limiter?: RateLimiter | undefined;
  /** Of the file of learned costs alone: threads read the same, and one says what is wrong with it. */
  readonly costLogger?: Logger;
}

/**
 * The queue of one thread that serves, from options: before it sequences wait for their turn, and before that answers are
 * looked up. Each thread keeps answers of its own: there is no way to share them that costs less than a hash.
 *
 * @throws ServingError failed_precondition when a file that the options name cannot be used.
 */
export function openBatcher(
  options: Options,
  { clock, logger, limiter, costLogger = logger }: BatcherParts,
): ServingBatcher {
  const { cache, models, server } = options;
  const queue = createBatcher({
    clock,
    logger,
    limits: { queuedBytes: server.byteBudget },
    limiter,
    hangLimits: { leastMs: models.hangAfterMs },
  });
  const batcher = cacheAnswers(
    batchSequences(queue, { clock, readRows: (tensor) => new RowReader(tensor) }),
    {
      clock,
      limits: { ...cache, maxBytes: cache.maxBytes / server.ioThreads },
      shared: openShared(cache.redis, { clock, logger }),
    },
  );
  batcher.importCosts(costCacheOf(options, costLogger)?.load() ?? []);
  return batcher;
}

/** Where learned costs outlive the process; undefined unless an operator names a folder. */
export function costCacheOf({ models }: Options, logger: Logger): CostCache | undefined {
  return models.costCache === undefined ? undefined : new CostCache(models.costCache, logger);
}
