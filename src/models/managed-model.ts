import { ServingError } from '../errors.ts';
import type { Target } from '../inference/target.ts';
import { checkConfig, refuseUnsupported } from './check-config.ts';
import { configFromJson } from './config-from-json.ts';
import { configFromPbtxt } from './config-from-pbtxt.ts';
import type { ModelConfig } from './config.ts';
import { loadEnsemble, noFiles } from './load-ensemble.ts';
import { loadVersion, versionStamp, type LoadTools } from './load-version.ts';
import { memoryReason } from './memory-budget.ts';
import { findModelFiles, type ModelSource, type VersionSource } from './model-source.ts';
import type { ModelState } from './model-table.ts';
import { chooseVersions } from './version-policy.ts';
import type { ServedVersion, VersionState } from './version-state.ts';

export interface ManagedModelTools extends LoadTools {
  /** Resolves when nothing of the target waits or runs. */
  readonly drained: (target: Target) => Promise<void>;
  /**
   * Runs one load at a time over all models: a load takes the machine, and those that serve need it too. Rejects once the
   * server stops.
   */
  readonly oneAtATime: <T>(run: () => Promise<T>) => Promise<T>;
  /** Checks all files of a model before anything of them is used. @throws ServingError for one that is not to be served. */
  readonly verify?: ((source: ModelSource) => Promise<void>) | undefined;
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

type ManagedSource = WantedModel['source'];

/**
 * One model's life: loads and unloads in the order asked for, one after the other. A version that serves goes on serving
 * while its successor is loaded and when that fails.
 */
export class ManagedModel implements ModelState {
  readonly name: string;
  readonly versions = new Map<string, VersionState>();
  #intended = false;
  #problem = '';
  /** A load has succeeded since the model was last unloaded. */
  #complete = false;
  #closed = false;
  readonly #tools: ManagedModelTools;
  #tail: Promise<unknown> = Promise.resolve();
  /** What is open, with the files that it may read again: a crashed thread opens its model anew. */
  readonly #open = new Map<ServedVersion, ManagedSource>();
  readonly #retiring = new Set<Promise<void>>();

  constructor(name: string, tools: ManagedModelTools) {
    this.name = name;
    this.#tools = tools;
  }

  get intended(): boolean {
    return this.#intended;
  }

  get problem(): string {
    return this.#problem;
  }

  /** Real paths of what may be read again. */
  foldersInUse(): string[] {
    return Array.from(this.#open.values()).flatMap(({ folder, versions }) => [
      folder,
      ...Array.from(versions.values(), (version) => version.folder),
    ]);
  }

  /** Everything that the policy chose serves, or did until a later load failed, and still serves in the state before. */
  get ready(): boolean {
    return this.#complete && [...this.versions.values()].some(({ kind }) => kind === 'ready');
  }

  /** Resolves when all versions that the policy chooses serve. @throws (rejects with) ServingError; what served still does. */
  load(wanted: WantedModel): Promise<void> {
    return this.#enqueue(() => this.#load(wanted));
  }

  /** Resolves when the last request has been answered and everything is closed. */
  unload(): Promise<void> {
    return this.#enqueue(() => this.#unload());
  }

  /** Unloads; loads that come later, or wait, are refused. */
  close(): Promise<void> {
    this.#closed = true;
    return this.unload();
  }

  /** It should serve but cannot be loaded for a reason that lies outside of it. What serves still does. */
  refuse(problem: string): void {
    this.#intended = true;
    this.#problem = problem;
    this.#tools.logger.error({ model: this.name, problem }, 'model not loaded');
    this.#tools.changed();
  }

  #enqueue(run: () => Promise<void>): Promise<void> {
    const result = this.#tail.then(run);
    this.#tail = result.catch(() => undefined);
    return result;
  }

  async #load(wanted: WantedModel): Promise<void> {
    const { source } = wanted;
    if (this.#closed) {
      await this.#discard(source);
      throw serverStopping();
    }
    this.#intended = true;
    this.#problem = '';
    let tried = false;
    try {
      await this.#tools.verify?.(source);
      const config = readConfig(wanted);
      const chosen = chooseVersions(config.version_policy, [...source.versions.keys()]);
      if (chosen.length === 0) throw refused('no version to serve was found');
      tried = true;
      const failures = await this.#loadVersions(chosen, config, wanted);
      const [first] = failures;
      if (first !== undefined) throw all(failures, first);
      this.#complete = true;
      for (const [version, state] of this.versions) {
        if (!chosen.includes(version)) this.#retireVersion(version, state);
      }
    } catch (error) {
      const failure = ServingError.from(error);
      // Otherwise the reason of each version stands in its state.
      if (!tried) this.#problem = failure.message;
      throw this.#failed(failure);
    } finally {
      this.#tools.changed();
      await this.#discard(source);
    }
  }

  /** Logs a failed load and makes of it what the client is told. */
  #failed({ message, cause, code, reason }: ServingError): ServingError {
    this.#tools.logger.error(
      { model: this.name, problem: message, ...(cause === undefined ? {} : { cause }) },
      'model not loaded',
    );
    const clientCode = code === 'internal' ? 'invalid_argument' : code;
    return new ServingError(clientCode, `load failed for model '${this.name}': ${message}`.slice(0, 1000), {
      reason: reason ?? 'MODEL_LOAD_FAILED',
    });
  }

  /** All of them are tried. @returns which could not be loaded, and why. */
  async #loadVersions(
    chosen: readonly string[],
    config: ModelConfig,
    { source, configOverride }: WantedModel,
  ): Promise<Failure[]> {
    const failures: Failure[] = [];
    for (const version of chosen) {
      const place = source.versions.get(version);
      if (place === undefined) throw new Error('bug: a version was chosen that does not exist');
      const text = configOverride ?? source.configText ?? '';
      const failure = await this.#loadOne(place, { source, config, text });
      if (failure !== undefined) failures.push({ version, error: failure });
    }
    return failures;
  }

  /** @returns why the version could not be loaded. */
  async #loadOne(
    place: VersionSource,
    { source, config, text }: LoadInput,
  ): Promise<ServingError | undefined> {
    const { version } = place;
    const before = this.versions.get(version);
    const current = before?.kind === 'ready' ? before.served : undefined;
    try {
      const isEnsemble = config.ensemble_scheduling !== undefined;
      const files = isEnsemble
        ? noFiles
        : await findModelFiles(source, place, config.default_model_filename || 'model.onnx');
      const stamp = await versionStamp(source, files, config, text);
      if (current?.stamp === stamp) {
        this.#become(version, { kind: 'ready', served: current, problem: '' });
        return undefined;
      }
      if (current === undefined) this.#become(version, { kind: 'loading' });
      const request = { source, version: place, config, files, stamp };
      const load = isEnsemble ? loadEnsemble : loadVersion;
      const served = await this.#tools.oneAtATime(() => load(request, this.#tools));
      this.#open.set(served, source);
      this.#become(version, { kind: 'ready', served, problem: '' });
      const done = current === undefined ? 'model loaded' : 'model reloaded';
      this.#tools.logger.info({ model: this.name, version }, done);
      if (current !== undefined) this.#retire(current);
      return undefined;
    } catch (error) {
      const failure = ServingError.from(error);
      const { message, cause } = failure;
      if (cause !== undefined) this.#tools.logger.warn({ model: this.name, version, cause }, 'load failed');
      this.#become(
        version,
        current === undefined
          ? { kind: 'unavailable', reason: message }
          : { kind: 'ready', served: current, problem: message },
      );
      return failure;
    }
  }

  async #unload(): Promise<void> {
    this.#intended = false;
    this.#problem = '';
    this.#complete = false;
    for (const [version, state] of this.versions) this.#retireVersion(version, state);
    this.#tools.changed();
    while (this.#retiring.size > 0) await Promise.all(this.#retiring);
  }

  #retireVersion(version: string, state: VersionState): void {
    if (state.kind === 'unloading') return;
    const unloaded: VersionState = { kind: 'unavailable', reason: 'unloaded' };
    if (state.kind !== 'ready') {
      this.#become(version, unloaded);
      return;
    }
    const unloading: VersionState = { kind: 'unloading' };
    this.#become(version, unloading);
    this.#retire(state.served, () => {
      this.#tools.logger.info({ model: this.name, version }, 'model unloaded');
      // It may have been loaded again meanwhile.
      if (this.versions.get(version) === unloading) this.#become(version, unloaded);
    });
  }

  /** Nothing routes to it any more; it is closed when its last request has been answered. */
  #retire(served: ServedVersion, closed: () => void = () => undefined): void {
    const gone = this.#close(served)
      .then(closed)
      .finally(() => this.#retiring.delete(gone));
    this.#retiring.add(gone);
  }

  async #close(served: ServedVersion): Promise<void> {
    try {
      await this.#tools.drained(served.target);
      await served.opened[Symbol.asyncDispose]();
    } catch (error) {
      this.#tools.logger.error({ model: this.name, cause: error }, 'a model could not be closed');
    }
    const source = this.#open.get(served);
    this.#open.delete(served);
    if (source !== undefined) await this.#discard(source);
  }

  /** The files of a load request live as long as something that is open may read them. */
  async #discard(source: ManagedSource): Promise<void> {
    if ([...this.#open.values()].includes(source)) return;
    try {
      await source[Symbol.asyncDispose]?.();
    } catch (error) {
      this.#tools.logger.warn({ model: this.name, cause: error }, 'files of a load could not be removed');
    }
  }

  #become(version: string, state: VersionState): void {
    this.versions.set(version, state);
    this.#tools.changed();
  }
}

interface Failure {
  readonly version: string;
  readonly error: ServingError;
}

/** Lack of memory stays what it is, since it passes; everything else is wrong with the model. */
function all(failures: readonly Failure[], { error: first }: Failure): ServingError {
  const message = failures.map(({ version, error }) => `version ${version}: ${error.message}`).join('; ');
  if (!failures.every(({ error }) => error.reason === memoryReason)) return refused(message);
  return new ServingError(first.code, message, { reason: memoryReason });
}

interface LoadInput {
  readonly source: ModelSource;
  readonly config: ModelConfig;
  /** Of the configuration in force. */
  readonly text: string;
}

export function serverStopping(): ServingError {
  return new ServingError('unavailable', 'Server not ready', { reason: 'SERVER_STOPPING' });
}

function readConfig({ source, configOverride }: WantedModel): ModelConfig {
  const { name, configText } = source;
  const given =
    configOverride === undefined
      ? configFromPbtxt(configText ?? '', name)
      : configFromJson(configOverride, name);
  const config = source.renamed === true ? { ...given, name: '' } : given;
  checkConfig(config, name);
  refuseUnsupported(config, name);
  return config;
}

function refused(message: string): ServingError {
  return new ServingError('invalid_argument', message, { reason: 'MODEL_LOAD_FAILED' });
}
