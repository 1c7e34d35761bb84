import type { Options } from './config/options.ts';
import type { ModelCatalog } from './inference/catalog.ts';
import type { Logger } from './inference/logger.ts';
import type { RolloutAdmin } from './inference/rollout-admin.ts';
import type { SplitTraffic } from './inference/traffic-split.ts';
import { RolloutController } from './rollouts/controller.ts';
import { FileStore } from './rollouts/file-store.ts';
import { createRolloutModels } from './rollouts/model-check.ts';
import { followRolloutFile, readRolloutFile } from './rollouts/rollout-file.ts';
import type { Clock } from './util/clock.ts';

export interface RolloutParts {
  readonly traffic: SplitTraffic;
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
  { rollouts: { file, state } }: Options,
  { traffic, catalog, clock, logger }: RolloutParts,
): Promise<Rollouts> {
  const plans = file === undefined ? [] : readRolloutFile(file);
  const models = createRolloutModels(catalog);
  const controller = new RolloutController({ clock, logger, traffic, models, store: new FileStore(state) });
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
