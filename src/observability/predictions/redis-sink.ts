import { loadRedis, type RedisClient } from '../../redis/load-redis.ts';
import { placeOfUrl } from '../../redis/redis-place.ts';
import { redisSettings, type RedisUse } from '../../redis/redis-settings.ts';
import type { Clock } from '../../util/clock.ts';
import type { RedisPlan } from './plan.ts';
import type { PredictionSink } from './sink.ts';

const silentMs = 5000;

/** One at a time is a round trip each; all at once would hold Redis up. */
const recordsPerRound = 500;

/** The one field of an entry. */
export const recordField = 'record';

/** @throws ServingError failed_precondition when the package is not installed or the password cannot be read. */
export async function openRedis(plan: RedisPlan, use: Pick<RedisUse, 'waiting'> = {}): Promise<RedisClient> {
  const settings = redisSettings(placeOfUrl(plan), { silentMs, ...use });
  const createRedis = await loadRedis('redis of the prediction log');
  // Every failure is also one of a command.
  return createRedis(settings, () => undefined);
}

/** A Redis Stream with an entry for each record. At least once: a write whose end is not heard of is tried again. */
export async function openRedisSink(plan: RedisPlan, clock: Pick<Clock, 'epochMs'>): Promise<PredictionSink> {
  const { stream, maxEntries } = plan;
  const client = await openRedis(plan);
  return {
    name: 'redis',
    async write(records) {
      for (let from = 0; from < records.length; from += recordsPerRound) {
        const round = client.pipeline();
        for (const { line } of records.slice(from, from + recordsPerRound)) {
          round.xadd(stream, 'MAXLEN', '~', maxEntries, '*', recordField, line);
        }
        const results = (await round.exec()) ?? [];
        for (const [error] of results) if (error !== null) throw error;
      }
    },
    async prune() {
      if (client.status === 'ready') await trim(client, plan, clock.epochMs());
    },
    close: () => Promise.resolve(client.disconnect()),
  };
}

/** Removes what is too old. @returns how many entries. */
export async function trim(
  client: RedisClient,
  { stream, retentionMs }: RedisPlan,
  epochMs: number,
): Promise<number> {
  return client.xtrim(stream, 'MINID', Math.max(0, Math.floor(epochMs - retentionMs)));
}
