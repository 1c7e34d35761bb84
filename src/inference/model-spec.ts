import type { CachingPlan } from './caching.ts';
import type { Datatype } from './datatype.ts';
import type { ModelFeatures } from './features.ts';

/** One input or output of a model as clients see it. */
export interface TensorSpec {
  readonly name: string;
  readonly datatype: Datatype;
  /** Without the batch dimension when the model batches; -1 is any size. Clients' shapes are checked against this. */
  readonly dims: readonly number[];
  /** The dims the ONNX model wants instead, where the configuration reshapes; without the batch dimension. */
  readonly reshape: readonly number[] | undefined;
  readonly optional: boolean;
  /** Requests whose sizes differ in this input may still share a batch. */
  readonly allowRagged: boolean;
  /** Class names by index, for classification; empty when the model has none. */
  readonly labels: readonly string[];
}

/** What one loaded version of a model takes and gives. Immutable; the stages' view of a model. */
export interface ModelSpec {
  readonly name: string;
  /** A non-negative integer without leading zeros. */
  readonly version: string;
  /** Hex sha256 over the model's files and its effective configuration: changes whenever answers could. */
  readonly digest: string;
  readonly platform: string;
  /** 0: the model takes no batch dimension and `dims` are whole shapes. >= 1: dimension 0 of every tensor counts rows. */
  readonly maxBatchSize: number;
  readonly decoupled: boolean;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  readonly inputsByName: ReadonlyMap<string, TensorSpec>;
  readonly outputsByName: ReadonlyMap<string, TensorSpec>;
  /** What the file beside the model says about its use; only models with such a file have it. */
  readonly features?: ModelFeatures | undefined;
  /** While its breaker is open, requests that named no version may be answered by another one. */
  readonly fallsBack?: boolean;
  /** Its answers may be given again; only models with response_cache have it. */
  readonly caching?: CachingPlan | undefined;
}
