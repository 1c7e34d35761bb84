import { joinRequests } from '../../src/batching/join-requests.ts';
import { openEnsemble } from '../../src/ensembles/open-ensemble.ts';
import { ensembleRules } from '../../src/ensembles/rules.ts';
import type { LoadOverrides } from '../../src/inference/catalog.ts';
import { silentLogger } from '../../src/inference/logger.ts';
import type { Target } from '../../src/inference/target.ts';
import { createModelRegistry, type ModelRegistry, type RegistryOptions } from '../../src/models/registry.ts';
import { ModelStatistics } from '../../src/observability/statistics.ts';
import { createRouter } from '../../src/routing/router.ts';
import { FakeClock, settled } from './fake-clock.ts';
import { PuppetOpener } from './puppet-opener.ts';

export const noOverrides: LoadOverrides = { config: undefined, files: new Map() };

/** A registry over puppets, with what it was given. Stopped when disposed. */
export interface RegistryBench extends AsyncDisposable {
  readonly registry: ModelRegistry;
  readonly opener: PuppetOpener;
  readonly clock: FakeClock;
  /** What `drained` waits for, by target; at once where nothing is set. */
  readonly draining: Map<Target, Promise<void>>;
  /** Loads as a client would, without overrides. */
  load(model: string): Promise<void>;
  /** `version state` of each entry of the index of a model, with the reason where there is one. */
  states(model: string): readonly string[];
}

export function buildRegistry(
  repositories: readonly string[],
  options: Partial<RegistryOptions> = {},
): RegistryBench {
  const opener = new PuppetOpener();
  const clock = new FakeClock();
  const draining = new Map<Target, Promise<void>>();
  const registry = createModelRegistry({
    repositories,
    controlMode: 'explicit',
    load: [],
    pollSecs: 15,
    configName: undefined,
    strictReadiness: true,
    memoryBudget: 0,
    maxLoaded: 0,
    idleSecs: 0,
    placement: 'auto',
    isolation: 'thread',
    allowProviderFallback: false,
    allowProcessing: false,
    defaultMaxBatchSize: 32,
    createRouter: (table) => createRouter(table),
    compareRows: () => '',
    joinRequests,
    ensembles: ensembleRules,
    openEnsemble,
    onNotBatchable: () => undefined,
    openModel: opener.open,
    createStatistics: (name, version) => new ModelStatistics({ name, version, clock }),
    drained: (target) => draining.get(target) ?? Promise.resolve(),
    clock,
    logger: silentLogger,
    ...options,
  });
  return {
    registry,
    opener,
    clock,
    draining,
    load: (model) => registry.control.load(model, noOverrides),
    states: (model) =>
      registry.catalog
        .index(false)
        .filter(({ name }) => name === model)
        .map(({ version, state, reason }) => `${version} ${state}${reason === '' ? '' : `: ${reason}`}`),
    [Symbol.asyncDispose]: () => registry.stop(),
  };
}

/** Lets the event loop turn until something holds: for what waits for the disk. Fails after very many turns. */
export async function turnsUntil(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 100_000; turn++) {
    if (condition()) return;
    await settled();
  }
  throw new Error('the condition did not come to hold');
}
