import type { Options } from './config/options.ts';
import type { LabelTotal } from './inference/arm-metrics.ts';
import type { ModelCatalog } from './inference/catalog.ts';
import type { Logger } from './inference/logger.ts';
import type { RolloutAdmin } from './inference/rollout-admin.ts';
import type { SplitTraffic } from './inference/traffic-split.ts';
import { RolloutController } from './rollouts/controller.ts';
import { FileStore } from './rollouts/file-store.ts';
import type { ScriptRunner } from './rollouts/redis-store.ts';
import type { RolloutStore } from './rollouts/rollout-store.ts';
import { createRolloutModels } from './rollouts/model-check.ts';
import { followRolloutFile, readRolloutFile } from './rollouts/rollout-file.ts';
import type { Clock } from './util/clock.ts';

export interface RolloutParts {
  readonly serving: {
    readonly traffic: SplitTraffic;
    /** What labels have said of a version; undefined where nobody waits for them. */
    readonly labelTotal: (model: string, version: string) => LabelTotal | undefined;
  };
  readonly catalog: ModelCatalog;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Rollouts of one server; disposing keeps what they have found. */
export interface Rollouts extends AsyncDisposable {
  readonly admin: RolloutAdmin;
}

/**
 * Takes rollouts up where they were, before models load: a version that is to be tried must not serve everybody first.
 *
 * @throws ServingError failed_precondition when what is kept, or the file of rollouts, cannot be read.
 */
export async function startRollouts(
  options: Options,
  { serving, catalog, clock, logger }: RolloutParts,
): Promise<Rollouts> {
  const { file } = options.rollouts;
  const plans = file === undefined ? [] : readRolloutFile(file);
  const models = createRolloutModels(catalog, (model, version) => serving.labelTotal(model, version));
  const store = await openStore(options, { clock, logger });
  const controller = new RolloutController({ clock, logger, traffic: serving.traffic, models, store });
  try {
    await controller.restore();
    await controller.declare(plans);
  } catch (error) {
    await controller[Symbol.asyncDispose]();
    throw error;
  }
  const following =
    file === undefined
      ? undefined
      : followRolloutFile(file, { clock, logger, declare: (changed) => controller.declare(changed) });
  return {
    admin: controller,
    async [Symbol.asyncDispose]() {
      following?.[Symbol.dispose]();
      await controller[Symbol.asyncDispose]();
    },
  };
}

async function openStore(
  { rollouts, cache: { redis } }: Options,
  { clock, logger }: Pick<RolloutParts, 'clock' | 'logger'>,
): Promise<RolloutStore> {
  if (rollouts.store === 'file') return new FileStore(rollouts.state);
  const [{ openRedis }, { RedisStore }] = await Promise.all([
    import('./redis/open-redis.ts'),
    import('./rollouts/redis-store.ts'),
  ]);
  const client = await openRedis(redis, {
    user: '--rollout-store redis',
    onProblem: (problem) =>
      logger.warn({ problem }, 'the Redis of rollouts cannot be reached; they stay as they are'),
    clock,
    limitMs: connectLimitMs,
  });
  const runner: ScriptRunner = {
    run: (script, keys, values) => client.eval(script, keys.length, ...keys, ...values),
    [Symbol.asyncDispose]: () => Promise.resolve(client.disconnect()),
  };
  return new RedisStore(runner, redis.prefix);
}

/** How long a start waits for Redis: without it nobody knows which version is to serve. Whoever asks then is told that nobody answers. */
const connectLimitMs = 10_000;
