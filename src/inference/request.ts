import type { TensorPlaces } from './shared-memory.ts';
import type { Tensor } from './tensor.ts';

/** A request or tensor parameter of the protocol. int64 and uint64 outside the safe integers arrive as bigint. */
export type Parameter = boolean | number | bigint | string;

export type Parameters = ReadonlyMap<string, Parameter>;

export const noParameters: Parameters = new Map();

/** An output that the client asked for by name. */
export interface RequestedOutput {
  readonly name: string;
  readonly parameters: Parameters;
}

/** One inference as every front hands it to the pipeline. Decoded, but not yet checked against a model. */
export interface InferRequest {
  readonly model: string;
  /** As sent; '' means the newest ready version. */
  readonly version: string;
  /** As sent; '' when absent. Neither unique nor trusted. */
  readonly id: string;
  readonly inputs: readonly Tensor[];
  /** Empty means all outputs of the model. */
  readonly outputs: readonly RequestedOutput[];
  readonly parameters: Parameters;
  /** Tensors that stand in shared memory; only requests with such tensors have it. */
  readonly shared?: TensorPlaces;
}
