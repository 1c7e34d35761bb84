import { ServingError } from '../errors.ts';
import type { LoadWish, ModelCatalog, ModelControl } from '../inference/catalog.ts';
import type { RoutingTable } from '../inference/routing-table.ts';
import type { Router } from '../inference/target.ts';
import { printable } from '../util/printable.ts';
import { createCatalog } from './catalog.ts';
import { stepCycle, stepModels } from './ensemble-config.ts';
import { loadInOrder } from './load-in-order.ts';
import { filesNeedConfig, leadsBack, notListed, pollFailed } from './load-refusals.ts';
import { ManagedModel, serverStopping, type ManagedModelTools, type WantedModel } from './managed-model.ts';
import { MemoryBudget } from './memory-budget.ts';
import { modelAtPlace } from './model-place.ts';
import { ModelTable, type ModelState } from './model-table.ts';
import { writeOverride } from './override-files.ts';
import { Residency } from './residency.ts';
import type { RepositoryListing } from './repository.ts';
import type { ServedVersion } from './version-state.ts';
import { namesIn, WatchedRepositories } from './watched-repositories.ts';

export interface RegistryOptions extends Omit<
  ManagedModelTools,
  'changed' | 'oneAtATime' | 'routes' | 'memory'
> {
  /** Bytes for all models; 0: as many as they take. */
  readonly memoryBudget: number;
  /** Mode on-demand: models that may serve at a time besides those of `load`; 0: as many as there is memory for. */
  readonly maxLoaded: number;
  /** Mode on-demand: models that nobody has asked for so long are unloaded; 0: never. */
  readonly idleSecs: number;
  /** How often each session is opened: once for each thread that serves. */
  readonly sessionCopies?: number;
  readonly repositories: readonly string[];
  /** none: all models at start. poll: also follow the repository. explicit: those of `load`, then on request. on-demand: when asked for. */
  readonly controlMode: 'none' | 'poll' | 'explicit' | 'on-demand';
  /** Models to load at start in mode explicit and on-demand; `*` is all. In mode on-demand they stay loaded. */
  readonly load: readonly string[];
  readonly pollSecs: number;
  /** Takes configs/<name>.pbtxt of a model that has one. */
  readonly configName?: string | undefined;
  /** The server is ready only while every model that should serve does. */
  readonly strictReadiness: boolean;
  /** Brings the repositories up to date before they are read. @throws only at start. */
  readonly refresh?: (why: 'start' | 'load' | 'poll') => Promise<void>;
  readonly createRouter: (table: () => RoutingTable, isComplete: () => boolean) => Router;
}

/** The control plane of models: finds, loads, replaces and unloads them, and says what there is. */
export interface ModelRegistry {
  readonly router: Router;
  readonly catalog: ModelCatalog;
  readonly control: ModelControl;
  /** What it starts with is still being loaded. */
  readonly starting: boolean;
  /** The states that router and catalog follow, as they are now. */
  readonly models: ReadonlyMap<string, ModelState>;
  /** Every version that serves now, with what it holds. */
  served(): readonly ServedVersion[];
  /** Real paths of folders that a version that is open may be read from again. */
  foldersInUse(): ReadonlySet<string>;
  /** Resolves when every model that should serve does or has failed to. @throws when a repository cannot be read. */
  start(): Promise<void>;
  /** From now on: models that serve stay as they were loaded. */
  configure(settings: RegistrySettings): void;
  /** Unloads everything, after the fronts have stopped. Idempotent. */
  stop(): Promise<void>;
}

/** What may change while the server runs. */
export type RegistrySettings = Pick<
  RegistryOptions,
  | 'memoryBudget'
  | 'pollSecs'
  | 'strictReadiness'
  | 'defaultMaxBatchSize'
  | 'placement'
  | 'isolation'
  | 'allowProviderFallback'
>;

export function createModelRegistry(options: RegistryOptions): ModelRegistry {
  return new Registry(options);
}

class Registry implements ModelRegistry {
  readonly router: Router;
  readonly catalog: ModelCatalog;
  readonly control: ModelControl;
  readonly #residency: Residency | undefined;
  readonly #options: RegistryOptions;
  readonly models: ReadonlyMap<string, ModelState>;
  readonly #table: ModelTable<ManagedModel>;
  readonly #repositories: WatchedRepositories;
  readonly #tools: ManagedModelTools;
  readonly #memory: MemoryBudget;
  #loads: Promise<unknown> = Promise.resolve();
  /** Loaded by their own name; other steps of ensembles may be unloaded with the last ensemble that runs them. */
  readonly #asked = new Set<string>();
  #timer: Disposable | undefined = undefined;
  #polling: Promise<void> = Promise.resolve();
  #phase: 'starting' | 'serving' | 'stopped' = 'starting';

  constructor(options: RegistryOptions) {
    this.#options = { ...options };
    this.#table = new ModelTable(options.ensembles.problem);
    this.models = this.#table.models;
    this.#repositories = new WatchedRepositories(options.repositories, options.configName, options.logger);
    const router = options.createRouter(
      () => this.#table.routes,
      () => !this.starting,
    );
    if (options.controlMode === 'on-demand') this.#residency = this.#openResidency(router, options);
    this.router =
      this.#residency === undefined ? router : { ...router, routeOnDemand: this.#residency.route };
    this.catalog = createCatalog({
      table: this.#table,
      router: this.router,
      ready: () => this.#phase === 'serving' && (!this.#isStrict() || this.#table.allReady()),
    });
    this.control = {
      load: (model, overrides) => this.#load(model, overrides),
      unload: (model, unloadDependents) => this.#unload(model, unloadDependents),
    };
    this.#memory = new MemoryBudget(options.memoryBudget, options.sessionCopies);
    this.#tools = {
      ...options,
      memory: this.#memory,
      changed: () => this.#table.changed(),
      routes: () => this.#table.routes,
      oneAtATime: (run) => this.#oneAtATime(run),
    };
  }

  get starting(): boolean {
    return this.#phase === 'starting';
  }

  /** What could not be loaded on demand says nothing of the models that others ask for. */
  #isStrict(): boolean {
    return this.#options.strictReadiness && this.#residency === undefined;
  }

  #openResidency(router: Router, { load: pinned, maxLoaded, idleSecs, clock }: RegistryOptions): Residency {
    const serves = (model: string) => this.#table.routes.get(model)?.newest !== undefined;
    return new Residency(
      {
        router,
        serves,
        exists: (model) => this.#repositories.has(model),
        load: (model) => this.#load(model, { config: undefined, files: new Map() }),
        unload: (model) => this.#unload(model, true),
        evictable: () =>
          [...this.#table.models.keys()].filter(
            (model) =>
              serves(model) && !this.#isRun(model) && !pinned.includes(model) && !pinned.includes('*'),
          ),
      },
      { maxModels: maxLoaded, idleMs: idleSecs * 1000 },
      clock,
    );
  }

  async start(): Promise<void> {
    const { controlMode, load } = this.#options;
    const listing = await this.#list('start');
    const all = controlMode === 'none' || controlMode === 'poll' || load.includes('*');
    const wanted = new Set(all ? namesIn(listing) : load);
    for (const name of wanted) this.#asked.add(name);
    await this.#loadAll(listing, wanted);
    if (this.#phase !== 'starting') return;
    this.#phase = 'serving';
    this.#table.changed();
    if (controlMode === 'poll' || controlMode === 'on-demand') this.#pollLater();
  }

  served(): readonly ServedVersion[] {
    return Array.from(this.#table.models.values(), ({ versions }) => Array.from(versions.values())).flatMap(
      (states) => states.flatMap((state) => (state.kind === 'ready' ? [state.served] : [])),
    );
  }

  foldersInUse(): ReadonlySet<string> {
    return new Set(Array.from(this.#table.models.values(), (model) => model.foldersInUse()).flat());
  }

  configure(settings: RegistrySettings): void {
    const { pollSecs, strictReadiness, defaultMaxBatchSize, placement, isolation, allowProviderFallback } =
      settings;
    Object.assign(this.#options, { pollSecs, strictReadiness });
    Object.assign(this.#tools, { defaultMaxBatchSize, placement, isolation, allowProviderFallback });
    this.#memory.limitBytes = settings.memoryBudget;
    this.#table.changed();
  }

  async stop(): Promise<void> {
    this.#phase = 'stopped';
    this.#residency?.[Symbol.dispose]();
    this.#timer?.[Symbol.dispose]();
    this.#table.changed();
    await this.#polling;
    await Promise.all(Array.from(this.#table.models.values(), (model) => model.close()));
  }

  /** Reads the repositories; every name in them is in the index from then on. */
  async #list(why: 'start' | 'load' | 'poll'): Promise<RepositoryListing> {
    await this.#options.refresh?.(why);
    const listing = await this.#repositories.list();
    for (const name of namesIn(listing)) this.#manage(name);
    this.#table.changed();
    return listing;
  }

  #manage(name: string): ManagedModel {
    let model = this.#table.models.get(name);
    if (model === undefined) {
      model = new ManagedModel(name, this.#tools);
      this.#table.models.set(name, model);
    }
    return model;
  }

  /** Steps before the ensembles that run them, also steps that nobody asked for and that are not ready. */
  #loadAll(listing: RepositoryListing, wanted: ReadonlySet<string>): Promise<void> {
    return loadInOrder(wanted, {
      stepsOf: (name) => stepsIn(listing, name),
      isMissing: (step) => this.#isMissing(listing, step),
      load: (name) => this.#loadFrom(listing, name),
      refuse: (name, cycle) => this.#manage(name).refuse(`its steps lead back to it: ${cycle.join(' -> ')}`),
    });
  }

  /** It could be loaded, and nothing of it serves. */
  #isMissing(listing: RepositoryListing, name: string): boolean {
    return listing.models.has(name) && this.#table.routes.get(name)?.newest === undefined;
  }

  /** Failures are in the model's state and in the log; others load all the same. */
  async #loadFrom(listing: RepositoryListing, name: string): Promise<void> {
    const model = this.#manage(name);
    const source = listing.models.get(name);
    if (source === undefined) {
      this.#repositories.forgetContent(name);
      model.refuse(listing.refused.get(name) ?? 'it is in no repository');
      return;
    }
    await this.#repositories.remember(source);
    await model.load({ source, configOverride: undefined }).catch(() => undefined);
  }

  async #load(name: string, overrides: LoadWish): Promise<void> {
    if (this.#phase === 'stopped') throw serverStopping();
    const source = await this.#sourceFor(name, overrides);
    try {
      await this.#loadSteps(name, stepModels(source, overrides.config));
    } catch (error) {
      await source[Symbol.asyncDispose]?.();
      throw error;
    }
    this.#asked.add(name);
    const wanted: WantedModel = { source, configOverride: overrides.config };
    await this.#manage(name).load(wanted);
  }

  /** Those that are not ready. If that fails, the load of the ensemble says so. */
  async #loadSteps(ensemble: string, steps: readonly string[]): Promise<void> {
    if (steps.length === 0) return;
    const listing = await this.#listFor(ensemble);
    const cycle = stepCycle(ensemble, (at) => (at === ensemble ? steps : stepsIn(listing, at)));
    if (cycle !== undefined) throw leadsBack(ensemble, cycle);
    await this.#loadAll(listing, new Set(steps.filter((step) => this.#isMissing(listing, step))));
  }

  async #sourceFor(name: string, overrides: LoadWish): Promise<WantedModel['source']> {
    if (overrides.place !== undefined) return modelAtPlace(name, overrides.place);
    if (overrides.files.size > 0) {
      if (overrides.config === undefined) throw filesNeedConfig(name);
      return writeOverride(name, overrides.files);
    }
    const listing = await this.#listFor(name);
    const source = listing.models.get(name);
    if (source === undefined) throw notListed(name, listing.refused.get(name));
    await this.#repositories.remember(source);
    return source;
  }

  async #listFor(name: string): Promise<RepositoryListing> {
    try {
      // On demand, every first request would ask.
      return await this.#list(this.#residency === undefined ? 'load' : 'poll');
    } catch (cause) {
      // Its own text names a path of this machine.
      throw new ServingError('failed_precondition', pollFailed(name), { reason: 'MODEL_REPOSITORY', cause });
    }
  }

  /** @param withSteps also its steps, unless they were loaded for themselves or another ensemble runs them. */
  async #unload(name: string, withSteps: boolean): Promise<void> {
    const model = this.#table.models.get(name);
    if (model === undefined) {
      throw new ServingError('not_found', `failed to unload '${printable(name)}': the model is not known`, {
        reason: 'MODEL_NOT_FOUND',
      });
    }
    const steps = withSteps ? servedSteps(model) : [];
    this.#asked.delete(name);
    await model.unload();
    for (const step of steps) {
      const managed = this.#table.models.get(step);
      if (managed?.intended === true && !this.#asked.has(step) && !this.#isRun(step)) {
        await this.#unload(step, true);
      }
    }
  }

  /** By an ensemble that should serve. */
  #isRun(step: string): boolean {
    for (const model of this.#table.models.values()) {
      if (model.intended && servedSteps(model).includes(step)) return true;
    }
    return false;
  }

  #oneAtATime<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#loads.then(() => {
      if (this.#phase === 'stopped') throw serverStopping();
      return run();
    });
    this.#loads = result.catch(() => undefined);
    return result;
  }

  #pollLater(): void {
    if (this.#phase === 'stopped') return;
    this.#timer = this.#options.clock.after(this.#options.pollSecs * 1000, () => {
      this.#polling = this.#poll()
        .catch((cause: unknown) => {
          this.#options.logger.error({ cause }, 'the repositories could not be read');
        })
        .then(() => this.#pollLater());
    });
  }

  /** New and changed models are loaded, deleted ones unloaded and forgotten. */
  async #poll(): Promise<void> {
    const listing = await this.#list('poll');
    const changed = new Set<string>();
    for (const source of listing.models.values()) {
      if (this.#follows(source.name) && (await this.#repositories.isChanged(source))) {
        changed.add(source.name);
      }
    }
    if (this.#phase === 'stopped') return;
    // An ensemble that could not be loaded may be now.
    for (const { name, ready } of this.models.values()) {
      if (!ready && stepsIn(listing, name).some((step) => changed.has(step))) changed.add(name);
    }
    await this.#loadAll(listing, changed);
    for (const [name, problem] of listing.refused) {
      if (this.#manage(name).problem !== problem) await this.#loadFrom(listing, name);
    }
    for (const name of this.#repositories.missingFrom(listing)) await this.#forget(name);
  }

  /** On demand, changes concern what is loaded. */
  #follows(name: string): boolean {
    return this.#residency === undefined || this.models.get(name)?.intended === true;
  }

  async #forget(name: string): Promise<void> {
    this.#repositories.forget(name);
    await this.#table.models.get(name)?.unload();
    this.#table.models.delete(name);
    this.#table.changed();
  }
}

/** By its configuration in the repository. */
function stepsIn({ models }: RepositoryListing, model: string): readonly string[] {
  const source = models.get(model);
  return source === undefined ? [] : stepModels(source, undefined);
}

/** Of the versions that serve, or would if their steps did. */
function servedSteps({ versions }: ModelState): readonly string[] {
  return [...versions.values()].flatMap((state) =>
    state.kind === 'ready' ? (state.served.target.ensemble?.steps.map((step) => step.model) ?? []) : [],
  );
}
