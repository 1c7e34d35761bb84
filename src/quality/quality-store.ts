import type { KeptPrediction } from './kept-predictions.ts';

/** Told of predictions that wait for labels, so that they outlive the process. Never makes anybody wait. */
export interface PredictionKeeper extends AsyncDisposable {
  /** It waits from now on. */
  keep(prediction: KeptPrediction): void;
  /** It has its labels. */
  label(prediction: KeptPrediction): void;
  /** It was pushed out of memory by newer ones. */
  forget(prediction: KeptPrediction): void;
}

/** What another server may have kept. */
export interface SharedPredictions {
  /** undefined for one that nobody keeps, or while nobody can be asked. */
  find(key: string): Promise<KeptPrediction | undefined>;
  /** Whether labels for it are the first; also where nobody can be asked. */
  claim(key: string): Promise<boolean>;
}

/** The predictions of one version that wait for labels. */
export interface StoredPredictions {
  readonly keeper: PredictionKeeper;
  /** undefined where only this server knows of them. */
  readonly shared: SharedPredictions | undefined;
  /** What was kept before, from the oldest; nothing where it is found by asking `shared`. */
  restore(): AsyncIterable<StoredPrediction>;
}

export type StoredPrediction =
  | { readonly kind: 'kept'; readonly prediction: KeptPrediction }
  | { readonly kind: 'labelled'; readonly key: string };

/** A version of a model, and what its predictions depend on. */
export interface StoredName {
  readonly model: string;
  readonly version: string;
  /** Changes with the model's file, its columns, and what it is compared with. */
  readonly fingerprint: string;
}

export interface PredictionBounds {
  readonly keepRequests: number;
  readonly keepMs: number;
}

export interface StoredState {
  readonly text: string;
  /** false for that of another server, which goes on with it: only its reference may be used. */
  readonly isOwn: boolean;
}

/** Where the quality of models outlives a process. What cannot be kept or read is logged, and nobody fails because of it. */
export interface QualityStore extends AsyncDisposable {
  /** What was last saved of a version; undefined for nothing. */
  load(name: StoredName): Promise<StoredState | undefined>;
  /** @returns false when it is worth to try again. */
  save(name: StoredName, text: string): Promise<boolean>;
  /** It is as it was last saved, and somebody goes on with it. @returns false when what was saved is lost. */
  unchanged(name: StoredName): Promise<boolean>;
  predictions(name: StoredName, bounds: PredictionBounds): StoredPredictions;
}
