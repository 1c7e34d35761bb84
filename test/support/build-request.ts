import type { Datatype } from '../../src/inference/datatype.ts';
import {
  noParameters,
  type InferRequest,
  type Parameter,
  type RequestedOutput,
} from '../../src/inference/request.ts';
import { elementCount, type Tensor } from '../../src/inference/tensor.ts';
import { datatypeSizeBytes } from '../../src/inference/datatype.ts';

/** A tensor with zeros for elements; a BYTES tensor has empty ones. */
export function zeros(name: string, shape: readonly number[], datatype: Datatype = 'FP32'): Tensor {
  const sizeBytes = elementCount(shape) * (datatype === 'BYTES' ? 4 : datatypeSizeBytes[datatype]);
  return { name, datatype, shape, data: new Uint8Array(sizeBytes) };
}

/** A BYTES tensor of one dimension, each element with its length before it. */
export function byteElements(name: string, elements: readonly string[]): Tensor {
  const parts = elements.flatMap((element) => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(Buffer.byteLength(element));
    return [length, Buffer.from(element)];
  });
  return { name, datatype: 'BYTES', shape: [elements.length], data: Buffer.concat(parts) };
}

export interface RequestParts {
  readonly inputs?: readonly Tensor[];
  /** Names, or outputs with parameters. */
  readonly outputs?: readonly (string | RequestedOutput)[];
  readonly parameters?: Readonly<Record<string, Parameter>>;
  readonly id?: string;
}

/** A request to the model `m`: one row of zeros for its input x, unless said otherwise. */
export function buildRequest({
  inputs = [zeros('x', [1, 2])],
  outputs = [],
  parameters = {},
  id = '',
}: RequestParts = {}): InferRequest {
  return {
    model: 'm',
    version: '',
    id,
    inputs,
    outputs: outputs.map((output) =>
      typeof output === 'string' ? { name: output, parameters: noParameters } : output,
    ),
    parameters: new Map(Object.entries(parameters)),
  };
}
