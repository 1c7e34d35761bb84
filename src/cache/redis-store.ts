import type { Logger } from '../inference/logger.ts';
import { loadRedis, type RedisClient } from '../redis/load-redis.ts';
import type { RedisPlace } from '../redis/redis-place.ts';
import { redisSettings } from '../redis/redis-settings.ts';
import type { ByteStore } from './byte-store.ts';

/** Twice the longest budget of a request. */
const silentMs = 2000;

/**
 * Redis, which is loaded and connects in the background: there is no need to wait for it, and nothing fails because of it.
 *
 * @throws ServingError failed_precondition when a file that the place names cannot be read.
 */
export function openRedisStore(place: RedisPlace, logger: Logger): ByteStore {
  const settings = redisSettings(place, { silentMs, pipelined: true });
  let client: RedisClient | undefined;
  let closed = false;
  let tellReady = (): void => undefined;
  const connect = async (): Promise<void> => {
    const createRedis = await loadRedis('--cache-redis');
    if (closed) return;
    client = createRedis(settings, (problem) =>
      logger.warn({ problem }, 'the shared cache cannot be reached; requests go on without it'),
    );
    client.on('ready', () => tellReady());
  };
  connect().catch((error: unknown) => {
    logger.error({ error }, 'the shared cache cannot be used');
  });
  const connected = (): RedisClient => {
    if (client === undefined) throw new Error('bug: asked before it was ready');
    return client;
  };
  return {
    get ready() {
      return client?.status === 'ready';
    },
    get: async (name) => connected().getBuffer(name),
    set: async (name, value, ttlMs) => connected().set(name, value, 'PX', ttlMs),
    ping: async () => connected().ping(),
    scores: async (name, most) => scoresOf(await connected().zrange(name, 0, `${most - 1}`, 'WITHSCORES')),
    raise: async (name, word, score) => {
      await connected().zadd(name, 'GT', score, word);
      return true;
    },
    async count(name, counts, { most, ttlMs }) {
      const redis = connected();
      const added = Array.from(counts, ([word, count]) => redis.zincrby(name, count, word));
      await Promise.all([...added, redis.zremrangebyrank(name, 0, -1 - most), redis.pexpire(name, ttlMs)]);
    },
    highest: async (name, most) => connected().zrange(name, 0, `${most - 1}`, 'REV'),
    onReady(listener) {
      tellReady = listener;
      if (client?.status === 'ready') listener();
    },
    [Symbol.dispose]() {
      closed = true;
      client?.disconnect();
    },
  };
}

/** @param answer words and their numbers in turn. */
function scoresOf(answer: readonly string[]): ReadonlyMap<string, number> {
  const scores = new Map<string, number>();
  for (let index = 0; index + 1 < answer.length; index += 2) {
    scores.set(answer[index] ?? '', Number(answer[index + 1]));
  }
  return scores;
}
