import type { ModelFeatures } from './features.ts';
import type { StatisticsSnapshot } from './statistics.ts';

export interface TensorMetadata {
  readonly name: string;
  readonly datatype: string;
  /** As clients must send it: with a leading -1 when the model batches. */
  readonly shape: readonly number[];
}

export interface ModelMetadata {
  readonly name: string;
  readonly versions: readonly string[];
  readonly platform: string;
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly TensorMetadata[];
}

export type ModelStateName = 'UNKNOWN' | 'READY' | 'UNAVAILABLE' | 'LOADING' | 'UNLOADING';

/** One line of the repository index. version, state and reason are '' for a model that was never loaded. */
export interface IndexEntry {
  readonly name: string;
  readonly version: string;
  readonly state: ModelStateName | '';
  readonly reason: string;
}

/** inference.ModelConfig with the proto's own field names (snake_case), enums as names, int64 as numbers. */
export type ModelConfigMessage = Readonly<Record<string, unknown>>;

/** What the fronts may ask about models. Reads only; every answer is a snapshot. Unknown models throw not_found. */
export interface ModelCatalog {
  /** All models that should be ready are (and the server is not stopping). */
  ready(): boolean;
  /** False, not an error, for an unknown model. @throws invalid_argument for a version that is no integer. */
  modelReady(model: string, version: string): boolean;
  metadata(model: string, version: string): ModelMetadata;
  config(model: string, version: string): ModelConfigMessage;
  /** Class names of the outputs that have them, by output. */
  labels(model: string, version: string): ReadonlyMap<string, readonly string[]>;
  /** What the file beside the model says about its use; undefined without one. */
  features(model: string, version: string): ModelFeatures | undefined;
  /** '' for all ready models. */
  statistics(model: string, version: string): readonly StatisticsSnapshot[];
  index(readyOnly: boolean): readonly IndexEntry[];
  /** Calls `listener` after any readiness may have changed. */
  onChange(listener: () => void): Disposable;
}

/** What a load may replace: the `config` and `file:<path>` parameters of the protocol. */
export interface LoadOverrides {
  /** JSON of a ModelConfig, replaces the file for this load. */
  readonly config: string | undefined;
  /** Relative path (`1/model.onnx`) to content; replaces the model's folder for this load; needs `config`. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** Where a platform has put a model. */
export interface ModelPlace {
  readonly path: string;
  /** `path` must lie in this folder, once all links are followed. */
  readonly root: string;
}

/** What is to be loaded. */
export interface LoadWish extends LoadOverrides {
  /** In place of the repository's; never from a client of the protocol. */
  readonly place?: ModelPlace;
}

/** Loading and unloading on request (model control mode `explicit`). */
export interface ModelControl {
  /** Resolves when the model serves, rejects when it cannot; an older version keeps serving meanwhile and on failure. */
  load(model: string, wish: LoadWish): Promise<void>;
  /** Resolves when the last request has been answered and the memory is free. */
  unload(model: string, unloadDependents: boolean): Promise<void>;
}
