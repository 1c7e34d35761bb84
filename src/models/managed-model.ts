import { ServingError } from '../errors.ts';
import type { Target } from '../inference/target.ts';
import { checkConfig, refuseUnsupported } from './check-config.ts';
import { configFromJson } from './config-from-json.ts';
import { configFromPbtxt } from './config-from-pbtxt.ts';
import type { ModelConfig } from './config.ts';
import { loadVersion, versionStamp, type LoadTools } from './load-version.ts';
import { findModelFiles, type ModelSource } from './model-source.ts';
import { chooseVersions } from './version-policy.ts';
import type { ServedVersion, VersionState } from './version-state.ts';

export interface ManagedModelTools extends LoadTools {
  /** Resolves when nothing of the target waits or runs. */
  readonly drained: (target: Target) => Promise<void>;
  /** Runs one load at a time over all models: a load takes the machine, and those that serve need it too. */
  readonly oneAtATime: <T>(run: () => Promise<T>) => Promise<T>;
  /** States have changed: routing and readers must see it. */
  readonly changed: () => void;
}

/** What a load is made from. */
export interface WantedModel {
  /** Disposed when nothing uses it any more, where it can be. */
  readonly source: ModelSource & Partial<AsyncDisposable>;
  /** JSON that replaces the configuration file. */
  readonly configOverride: string | undefined;
}

/**
 * One model's life: loads and unloads in the order asked for, one after the other. A version that serves goes on serving
 * while its successor is loaded and when that fails.
 */
export class ManagedModel {
  readonly name: string;
  readonly versions = new Map<string, VersionState>();
  /** It should serve: asked for, and not unloaded on purpose. */
  intended = false;
  /** Why the last load failed before any version was tried; '' otherwise. */
  problem = '';
  readonly #tools: ManagedModelTools;
  /** Whose files may still be read: an executor that restarts opens them again. */
  readonly #sources = new Set<WantedModel['source']>();
  #closed = false;
  #tail: Promise<unknown> = Promise.resolve();
  readonly #retiring = new Set<Promise<void>>();

  constructor(name: string, tools: ManagedModelTools) {
    this.name = name;
    this.#tools = tools;
  }

  /** Resolves when all versions that the policy chooses serve. @throws (rejects with) ServingError; what served still does. */
  load(wanted: WantedModel): Promise<void> {
    return this.#enqueue(() => this.#load(wanted));
  }

  /** Resolves when the last request has been answered and everything is closed. */
  unload(): Promise<void> {
    return this.#enqueue(() => this.#unload());
  }

  /** It should serve but cannot be found, or must not be taken. A version that serves goes on. */
  refuse(problem: string): void {
    this.intended = true;
    if (this.versions.size > 0 || this.problem === problem) return;
    this.problem = problem;
    this.#tools.logger.error({ model: this.name }, `model not loaded: ${problem}`);
    this.#tools.changed();
  }

  /** Something loads or has never been tried: not yet a failure. */
  get ready(): boolean {
    const states = [...this.versions.values()];
    return this.problem === '' && states.some(({ kind }) => kind === 'ready') && !states.some(isFailure);
  }

  /** Unloads; loads that come later, or wait, are refused. */
  close(): Promise<void> {
    this.#closed = true;
    return this.unload();
  }

  #enqueue(run: () => Promise<void>): Promise<void> {
    const result = this.#tail.then(run);
    this.#tail = result.catch(() => undefined);
    return result;
  }

  async #load(wanted: WantedModel): Promise<void> {
    this.#sources.add(wanted.source);
    try {
      if (this.#closed) throw stopping();
      this.intended = true;
      const config = readConfig(wanted);
      const chosen = chooseVersions(config.version_policy, [...wanted.source.versions.keys()]);
      if (chosen.length === 0) throw noVersion(this.name);
      this.problem = '';
      const failures = await this.#loadVersions(chosen, config, wanted);
      for (const version of this.versions.keys()) {
        if (!chosen.includes(version)) await this.#retireVersion(version);
      }
      if (failures.length > 0) throw loadFailed(this.name, failures);
    } catch (error) {
      const failure = ServingError.from(error);
      if (this.versions.size === 0) this.problem = failure.message;
      this.#tools.changed();
      this.#tools.logger.error(
        { model: this.name, ...(failure.cause === undefined ? {} : { cause: failure.cause }) },
        failure.message,
      );
      throw failure;
    } finally {
      this.#letSourcesGo();
    }
  }

  async #loadVersions(
    chosen: readonly string[],
    config: ModelConfig,
    wanted: WantedModel,
  ): Promise<string[]> {
    const failures: string[] = [];
    for (const version of chosen) {
      const failure = await this.#loadOne(version, config, wanted);
      if (failure !== '') failures.push(`version ${version}: ${failure}`);
    }
    return failures;
  }

  /** @returns '' or why the version could not be loaded. */
  async #loadOne(
    version: string,
    config: ModelConfig,
    { source, configOverride }: WantedModel,
  ): Promise<string> {
    const before = this.versions.get(version);
    const current = before?.kind === 'ready' ? before.served : undefined;
    try {
      const place = source.versions.get(version);
      if (place === undefined) throw noVersion(this.name);
      const files = await findModelFiles(source, place, config.default_model_filename || 'model.onnx');
      const stamp = await versionStamp(files, configOverride ?? source.configText ?? '');
      if (current?.stamp === stamp) {
        this.versions.set(version, { kind: 'ready', served: current, problem: '' });
        return '';
      }
      if (current === undefined) this.#become(version, { kind: 'loading' });
      const request = { source, version: place, config, files, stamp };
      const served = await this.#tools.oneAtATime(() => loadVersion(request, this.#tools));
      this.#become(version, { kind: 'ready', served, problem: '' });
      this.#tools.logger.info(
        { model: this.name, version },
        current === undefined ? 'model loaded' : 'model reloaded',
      );
      if (current !== undefined) this.#retire(current);
      return '';
    } catch (error) {
      const { message, cause } = ServingError.from(error);
      if (cause !== undefined) this.#tools.logger.warn({ model: this.name, version, cause }, 'load failed');
      this.#become(
        version,
        current === undefined
          ? { kind: 'unavailable', reason: message }
          : { kind: 'ready', served: current, problem: message },
      );
      return message;
    }
  }

  async #unload(): Promise<void> {
    this.intended = false;
    this.problem = '';
    for (const version of this.versions.keys()) await this.#retireVersion(version);
    this.#letSourcesGo();
    await Promise.all(this.#retiring);
  }

  async #retireVersion(version: string): Promise<void> {
    const state = this.versions.get(version);
    if (state?.kind === 'ready') {
      this.#become(version, { kind: 'unloading' });
      this.#retire(state.served);
      await Promise.all(this.#retiring);
      this.#tools.logger.info({ model: this.name, version }, 'model unloaded');
    }
    this.#become(version, { kind: 'unavailable', reason: 'unloaded' });
  }

  /** Nothing routes to it any more; it is closed when its last request has been answered. */
  #retire({ target, opened }: ServedVersion): void {
    this.#closeLater(this.#tools.drained(target), opened);
  }

  #closeLater(when: Promise<unknown>, resource: AsyncDisposable): void {
    const gone = when
      .then(() => resource[Symbol.asyncDispose]())
      .catch((error: unknown) => {
        this.#tools.logger.error({ model: this.name, error }, 'a model could not be closed');
      })
      .finally(() => this.#retiring.delete(gone));
    this.#retiring.add(gone);
  }

  #become(version: string, state: VersionState): void {
    this.versions.set(version, state);
    this.#tools.changed();
  }

  /** The files of an override live as long as a version that was loaded from them. */
  #letSourcesGo(): void {
    const used = new Set<WantedModel['source']>();
    for (const state of this.versions.values()) if (state.kind === 'ready') used.add(state.served.source);
    for (const source of this.#sources) {
      if (used.has(source)) continue;
      this.#sources.delete(source);
      const remove = source[Symbol.asyncDispose]?.bind(source);
      if (remove !== undefined)
        this.#closeLater(Promise.all(this.#retiring), { [Symbol.asyncDispose]: remove });
    }
  }
}

function isFailure(state: VersionState): boolean {
  return state.kind === 'unavailable' && state.reason !== 'unloaded';
}

function readConfig({ source, configOverride }: WantedModel): ModelConfig {
  const { name, configText } = source;
  const config =
    configOverride === undefined
      ? configFromPbtxt(configText ?? '', name)
      : configFromJson(configOverride, name);
  checkConfig(config, name);
  refuseUnsupported(config, name);
  return config;
}

function stopping(): ServingError {
  return new ServingError('unavailable', 'Server not ready', { reason: 'SERVER_STOPPING' });
}

function noVersion(model: string): ServingError {
  return new ServingError(
    'invalid_argument',
    `load failed for model '${model}': no version to serve was found`,
    {
      reason: 'MODEL_LOAD_FAILED',
    },
  );
}

function loadFailed(model: string, failures: readonly string[]): ServingError {
  return new ServingError(
    'invalid_argument',
    `load failed for model '${model}': ${failures.join('; ')}`.slice(0, 1000),
    {
      reason: 'MODEL_LOAD_FAILED',
    },
  );
}
