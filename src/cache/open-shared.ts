import type { Logger } from '../inference/logger.ts';
import type { Clock } from '../util/clock.ts';
import { openRedis, type RedisPlan } from './redis-store.ts';
import { SharedAnswers, type SharedLimits } from './shared-answers.ts';

/** The cache that servers share, as the options say; undefined when they name none. */
export function openShared(
  plan: RedisPlan & SharedLimits,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): SharedAnswers | undefined {
  if (plan.nodes.length === 0) return undefined;
  const { budgetMs, ttlMs, maxValueBytes, prefix } = plan;
  const store = openRedis(plan, logger);
  return new SharedAnswers({ store, clock, logger, budgetMs, ttlMs, maxValueBytes, prefix });
}
