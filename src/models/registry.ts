import { ServingError, type ErrorCode, type ServingErrorOptions } from '../errors.ts';
import type { LoadOverrides, ModelCatalog, ModelControl } from '../inference/catalog.ts';
import type { RoutingTable } from '../inference/routing-table.ts';
import type { Router } from '../inference/target.ts';
import { printable } from '../util/printable.ts';
import { createCatalog } from './catalog.ts';
import { ManagedModel, type ManagedModelTools, type WantedModel } from './managed-model.ts';
import { ModelTable, type ModelState } from './model-table.ts';
import { contentStamp } from './content-digest.ts';
import type { ModelSource } from './model-source.ts';
import { writeOverride } from './override-files.ts';
import { listModels, type RepositoryListing } from './repository.ts';

export interface RegistryOptions extends Omit<ManagedModelTools, 'changed' | 'oneAtATime'> {
  readonly repositories: readonly string[];
  /** none: all models at start. poll: also follow the repository. explicit: those of `load`, then on request. */
  readonly controlMode: 'none' | 'poll' | 'explicit';
  /** Models to load at start in mode explicit; `*` is all. */
  readonly load: readonly string[];
  readonly pollSecs: number;
  /** Takes configs/<name>.pbtxt of a model that has one. */
  readonly configName: string | undefined;
  /** The server is ready only while every model that should serve does. */
  readonly strictReadiness: boolean;
  readonly createRouter: (table: () => RoutingTable) => Router;
}

/** The control plane of models: finds, loads, replaces and unloads them, and says what there is. */
export interface ModelRegistry {
  readonly router: Router;
  readonly catalog: ModelCatalog;
  readonly control: ModelControl;
  /** The states that router and catalog follow, as they are now. */
  readonly models: ReadonlyMap<string, ModelState>;
  /** Resolves when every model that should serve does or has failed to. @throws when a repository cannot be read. */
  start(): Promise<void>;
  /** Unloads everything, after the fronts have stopped. Idempotent. */
  stop(): Promise<void>;
}

export function createModelRegistry(options: RegistryOptions): ModelRegistry {
  return new Registry(options);
}

class Registry implements ModelRegistry {
  readonly router: Router;
  readonly catalog: ModelCatalog;
  readonly control: ModelControl;
  readonly #options: RegistryOptions;
  readonly models: ReadonlyMap<string, ModelState>;
  readonly #table = new ModelTable<ManagedModel>();
  readonly #stamps = new Map<string, string>();
  readonly #tools: ManagedModelTools;
  #warnings: ReadonlySet<string> = new Set();
  #loads: Promise<unknown> = Promise.resolve();
  #timer: Disposable | undefined = undefined;
  #phase: 'starting' | 'serving' | 'stopped' = 'starting';

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.models = this.#table.models;
    this.router = options.createRouter(() => this.#table.routes);
    this.catalog = createCatalog({
      table: this.#table,
      router: this.router,
      ready: () => this.#phase === 'serving' && (!options.strictReadiness || this.#table.allReady()),
    });
    this.control = {
      load: (model, overrides) => this.#load(model, overrides),
      unload: (model) => this.#unload(model),
    };
    this.#tools = {
      ...options,
      changed: () => this.#table.changed(),
      oneAtATime: (run) => this.#oneAtATime(run),
    };
  }

  async start(): Promise<void> {
    const { controlMode, load } = this.#options;
    const listing = await this.#list();
    for (const name of [...listing.models.keys(), ...listing.refused.keys()]) this.#manage(name);
    this.#table.changed();
    const all = controlMode !== 'explicit' || load.includes('*');
    const wanted = all ? new Set([...listing.models.keys(), ...listing.refused.keys()]) : new Set(load);
    await Promise.all([...wanted].map((name) => this.#loadFrom(listing, name)));
    if (this.#phase === 'stopped') return;
    this.#phase = 'serving';
    this.#table.changed();
    if (controlMode === 'poll') this.#pollLater();
  }

  async stop(): Promise<void> {
    this.#phase = 'stopped';
    this.#timer?.[Symbol.dispose]();
    this.#table.changed();
    await Promise.all(Array.from(this.#table.models.values(), (model) => model.close()));
  }

  /** Each warning is told once for as long as it holds, however often the repositories are read. */
  async #list(): Promise<RepositoryListing> {
    const listing = await listModels(this.#options.repositories, this.#options.configName);
    for (const warning of listing.warnings) {
      if (!this.#warnings.has(warning)) this.#options.logger.warn({}, warning);
    }
    this.#warnings = new Set(listing.warnings);
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

  /** Failures are in the model's state and in the log; others load all the same. */
  async #loadFrom(listing: RepositoryListing, name: string): Promise<void> {
    const model = this.#manage(name);
    const source = listing.models.get(name);
    if (source === undefined) {
      model.refuse(listing.refused.get(name) ?? 'is in no repository');
      return;
    }
    await this.#remember(source);
    await model.load({ source, configOverride: undefined }).catch(() => undefined);
  }

  async #remember(source: ModelSource): Promise<void> {
    this.#stamps.set(source.name, await contentStamp(source));
  }

  async #load(name: string, overrides: LoadOverrides): Promise<void> {
    const model = printable(name);
    if (this.#phase === 'stopped') throw stopping();
    if (overrides.files.size > 0 && overrides.config === undefined) {
      throw new ServingError(
        'invalid_argument',
        `load failed for model '${model}': files are given without the configuration that they need (parameter 'config')`,
        { reason: 'MODEL_LOAD_FAILED' },
      );
    }
    const source = await this.#sourceFor(name, overrides);
    const wanted: WantedModel = { source, configOverride: overrides.config };
    await this.#manage(name).load(wanted);
  }

  async #sourceFor(name: string, overrides: LoadOverrides): Promise<ModelSource & Partial<AsyncDisposable>> {
    if (overrides.files.size > 0) return writeOverride(name, overrides.files);
    const listing = await this.#list().catch((cause: unknown) => {
      // Its own text names a path of this machine.
      throw pollFailed(name, 'failed_precondition', { reason: 'MODEL_REPOSITORY', cause });
    });
    for (const found of listing.models.keys()) this.#manage(found);
    const source = listing.models.get(name);
    if (source !== undefined) {
      await this.#remember(source);
      return source;
    }
    const refused = listing.refused.get(name);
    if (refused === undefined) throw pollFailed(name, 'not_found', { reason: 'MODEL_NOT_FOUND' });
    throw pollFailed(name, 'invalid_argument', { reason: 'MODEL_LOAD_FAILED' }, refused);
  }

  async #unload(name: string): Promise<void> {
    const model = this.#table.models.get(name);
    if (model === undefined) {
      throw new ServingError('not_found', `failed to unload '${printable(name)}': the model is not known`, {
        reason: 'MODEL_NOT_FOUND',
      });
    }
    await model.unload();
  }

  #oneAtATime<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#loads.then(run);
    this.#loads = result.catch(() => undefined);
    return result;
  }

  #pollLater(): void {
    if (this.#phase === 'stopped') return;
    this.#timer = this.#options.clock.after(this.#options.pollSecs * 1000, () => {
      void this.#poll()
        .catch((error: unknown) =>
          this.#options.logger.error({ error }, 'the repositories could not be read'),
        )
        .finally(() => this.#pollLater());
    });
  }

  /** New and changed models are loaded, deleted ones unloaded and forgotten. */
  async #poll(): Promise<void> {
    const listing = await this.#list();
    for (const source of listing.models.values()) {
      const before = this.#stamps.get(source.name);
      const now = await contentStamp(source);
      if (this.#phase === 'stopped') return;
      if (before !== now) await this.#loadFrom(listing, source.name);
    }
    for (const [name, problem] of listing.refused) this.#manage(name).refuse(problem);
    for (const [name, model] of this.#table.models) {
      if (listing.models.has(name) || listing.refused.has(name)) continue;
      await model.unload();
      this.#table.models.delete(name);
      this.#stamps.delete(name);
      this.#table.changed();
    }
  }
}

function stopping(): ServingError {
  return new ServingError('unavailable', 'Server not ready', { reason: 'SERVER_STOPPING' });
}

function pollFailed(
  model: string,
  code: ErrorCode,
  options: ServingErrorOptions,
  problem = '',
): ServingError {
  const text = `failed to load '${printable(model)}', failed to poll from model repository`;
  return new ServingError(code, problem === '' ? text : `${text}: ${problem}`, options);
}
