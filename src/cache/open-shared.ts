import type { Logger } from '../inference/logger.ts';
import type { Clock } from '../util/clock.ts';
import type { RedisPlace } from '../redis/redis-place.ts';
import { CipherKeys } from './cipher-keys.ts';
import { openRedisStore } from './redis-store.ts';
import { sealValues } from './sealed-store.ts';
import { SharedAnswers, type SharedLimits } from './shared-answers.ts';

interface SharedPlan extends RedisPlace, SharedLimits {
  /** Encrypts values; undefined for not encrypted. */
  readonly encryptionKeysFile?: string | undefined;
}

/**
 * The cache that servers share, as the options say; undefined when they name none.
 *
 * @throws ServingError failed_precondition when a file that they name cannot be used.
 */
export function openShared(
  plan: SharedPlan,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): SharedAnswers | undefined {
  if (plan.nodes.length === 0) return undefined;
  const { budgetMs, ttlMs, maxValueBytes, prefix } = plan;
  const { encryptionKeysFile } = plan;
  const keys =
    encryptionKeysFile === undefined ? undefined : new CipherKeys(encryptionKeysFile, { clock, logger });
  const redis = openRedisStore(plan, logger);
  const store = keys === undefined ? redis : sealValues(redis, keys);
  return new SharedAnswers({ store, clock, logger, budgetMs, ttlMs, maxValueBytes, prefix });
}
