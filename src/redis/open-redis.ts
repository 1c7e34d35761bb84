import type { Clock } from '../util/clock.ts';
import { loadRedis, type RedisClient } from './load-redis.ts';
import type { RedisPlace } from './redis-place.ts';
import { redisSettings } from './redis-settings.ts';
import { whenReady } from './when-ready.ts';

export interface RedisWish {
  /** What needs it, for whoever does not have the package. */
  readonly user: string;
  /** Told why it cannot be reached: once, until it has been. */
  readonly onProblem: (problem: string) => void;
  readonly clock: Clock;
  /** How long to wait for it. */
  readonly limitMs: number;
}

const silentMs = 2000;

/**
 * A connection that can be used, or that goes on trying when the time is up; its commands fail until it is there. The caller
 * disconnects it.
 *
 * @throws ServingError failed_precondition without the package, and for a file that cannot be read.
 */
export async function openRedis(
  place: RedisPlace,
  { user, onProblem, clock, limitMs }: RedisWish,
): Promise<RedisClient> {
  const settings = redisSettings(place, { silentMs, pipelined: true });
  const createRedis = await loadRedis(user);
  const client = createRedis(settings, onProblem);
  await whenReady(client, { clock, limitMs });
  return client;
}
