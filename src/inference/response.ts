import type { Parameters } from './request.ts';
import type { TensorPlace } from './shared-memory.ts';
import type { Tensor } from './tensor.ts';

/** The answer to one InferRequest, transport-neutral. Its tensors may be views of a whole batch's result. */
export interface InferResponse {
  readonly model: string;
  readonly version: string;
  readonly id: string;
  readonly outputs: readonly Tensor[];
  readonly parameters: Parameters;
  /** Where outputs stand that have no data here, by name; only answers with such outputs have it. */
  readonly shared?: ReadonlyMap<string, TensorPlace>;
}
