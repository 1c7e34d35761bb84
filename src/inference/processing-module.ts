import type { Datatype } from './datatype.ts';
import type { Parameter } from './request.ts';

/** Elements in row-major order: texts or bytes for BYTES, 0 and 1 for BOOL, the bits of the numbers for BF16. */
export type ModuleElements =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float16Array
  | Float32Array
  | Float64Array
  | readonly (string | Uint8Array)[];

/** A tensor as a processing module is given it; BYTES elements are Buffers. */
export interface ModuleTensor {
  readonly datatype: Datatype;
  /** With the batch dimension first, where the model batches. */
  readonly shape: readonly number[];
  readonly data: ModuleElements;
}

/** A tensor as a processing module returns it. */
export interface ReturnedTensor extends Omit<ModuleTensor, 'datatype'> {
  /** Left out, the kind of `data` says it; BOOL and BF16 have to be named. */
  readonly datatype?: Datatype;
}

/** Of a request, by name. */
export type ModuleTensors = Readonly<Record<string, ModuleTensor>>;

export type ReturnedTensors = Readonly<Record<string, ReturnedTensor>>;

/** An input or output that a module puts in place of the model's own: its exports `inputs` and `outputs` are lists of these. */
export interface TensorDeclaration {
  readonly name: string;
  readonly datatype: Datatype;
  /** Without the batch dimension, where the model batches; -1 is any size. */
  readonly dims: readonly number[];
  /** Class names by index, of an output; as `label_filename` in the configuration. */
  readonly labels?: readonly string[];
}

/** The request that a hook works on. */
export interface ModuleRequest {
  readonly model: string;
  readonly version: string;
  /** As the client sent it, '' without one. Neither unique nor trusted. */
  readonly id: string;
  readonly parameters: Readonly<Record<string, Parameter>>;
  /** What `preprocess` leaves here, `postprocess` of the same request finds; whatever structuredClone takes, up to 1 MiB. */
  state: unknown;
  /** Ends the hook: the request fails as the client's mistake, with this text. */
  refuse(text: string): never;
}

/** Makes the model's inputs of what the client sent. A module exports it as `preprocess`. */
export type Preprocess = (
  inputs: ModuleTensors,
  request: ModuleRequest,
) => ReturnedTensors | Promise<ReturnedTensors>;

/** Makes the outputs for the client of what the model gave. A module exports it as `postprocess`. */
export type Postprocess = (
  outputs: ModuleTensors,
  request: ModuleRequest,
) => ReturnedTensors | Promise<ReturnedTensors>;
