import type { CallContext } from './call-context.ts';
import type { InferResponse } from './response.ts';
import type { Tensor } from './tensor.ts';

/** Where a tensor stands that does not travel in a message: in a region that its caller has registered. */
export interface TensorPlace {
  readonly region: string;
  /** From the region's beginning. As the client says, so it may be negative. */
  readonly offset: number;
  readonly sizeBytes: number;
}

/** The tensors of a request that stand in shared memory. Decoded, but not yet looked up. */
export interface TensorPlaces {
  /** As many as the request has inputs; those with a place have no data yet. */
  readonly inputs: readonly (TensorPlace | undefined)[];
  readonly outputs: ReadonlyMap<string, TensorPlace>;
}

/** The places of one request, found and within their regions, and kept until its call is finished. */
export interface SharedTensors {
  /** What `readInputs` allocates. */
  readonly inputBytes: number;
  /**
   * Copies the inputs out of their regions, so that nobody can change them once they are checked.
   *
   * @throws failed_precondition when a region is no longer as large as it was.
   */
  readInputs(inputs: readonly Tensor[]): readonly Tensor[];
  /**
   * Writes outputs to their places and takes their bytes out of the answer.
   *
   * @throws invalid_argument when a place is too small, and then nothing is written; failed_precondition or
   * resource_exhausted when a region cannot be written to.
   */
  writeOutputs(response: InferResponse): InferResponse;
}

/** A registered part of a shared-memory object, in the protocol's words. */
export interface SystemRegion {
  readonly name: string;
  /** The name of the object, as for shm_open. */
  readonly key: string;
  readonly offset: number;
  readonly byte_size: number;
}

/** Shared memory of clients on the same machine. A caller sees its own regions only; callers are known by their principal's name. */
export interface SharedMemory {
  /** The region of that name, or all for ''. @throws not_found */
  status(caller: string, name: string): readonly SystemRegion[];
  /** Resolves when requests to every thread may name it. @throws invalid_argument, already_exists, resource_exhausted. */
  register(caller: string, region: SystemRegion): void | Promise<void>;
  /** The region of that name, or all for ''. What is not there is not missed. Requests that use it already may go on. */
  unregister(caller: string, name: string): void | Promise<void>;
  /** @throws not_found for an unknown region; invalid_argument for a place outside of its region. */
  hold(places: TensorPlaces, call: CallContext): SharedTensors;
}
