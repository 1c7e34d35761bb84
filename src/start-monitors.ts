import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Options } from './config/options.ts';
import type { Logger } from './inference/logger.ts';
import { ModelMonitors } from './quality/model-monitors.ts';
import type { QualityStore } from './quality/quality-store.ts';
import { readSecret } from './quality/read-secret.ts';
import { Webhook } from './quality/webhook.ts';
import type { Clock } from './util/clock.ts';

interface MonitorTools {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The monitors of a server; what happens to the quality of models is told to `--quality-webhook`, where there is one. */
export function startMonitors(options: Options, tools: MonitorTools): ModelMonitors {
  const { webhook: url, webhookSecretFile, store } = options.quality;
  const webhook =
    url === undefined ? undefined : new Webhook({ url, secret: readSecret(webhookSecretFile), ...tools });
  const openStore = store === 'off' ? {} : { openStore: () => openQualityStore(options, tools) };
  return new ModelMonitors({ ...tools, webhook, ...openStore });
}

async function openQualityStore(options: Options, { clock, logger }: MonitorTools): Promise<QualityStore> {
  const { quality, cache, grpc } = options;
  if (quality.store !== 'redis') {
    const { FileQualityStore } = await import('./quality/file-store.ts');
    return new FileQualityStore({ folder: quality.state, clock, logger });
  }
  const [{ openRedis }, { RedisQualityStore }] = await Promise.all([
    import('./redis/open-redis.ts'),
    import('./quality/redis-store.ts'),
  ]);
  const client = await openRedis(cache.redis, {
    user: '--quality-store redis',
    // What does not work is said with the first command that fails.
    onProblem: () => undefined,
    clock,
    limitMs: connectLimitMs,
  });
  return new RedisQualityStore({
    redis: {
      get: (key) => client.get(key),
      set: (key, value, ttlMs) => client.set(key, value, 'PX', ttlMs),
      remove: (key) => client.unlink(key),
      run: (script, keys, values) => client.eval(script, keys.length, ...keys, ...values),
      [Symbol.asyncDispose]: () => Promise.resolve(client.disconnect()),
    },
    prefix: cache.redis.prefix,
    // A port of its own is that of the same server after a restart; on free ports nobody is.
    replica: `${hostname()}:${grpc.port === 0 ? randomBytes(6).toString('hex') : grpc.port}`,
    logger,
  });
}

/** How long the first monitored model waits for Redis; without it nothing of before is known. */
const connectLimitMs = 5000;
