import { datatypeSizeBytes } from '../inference/datatype.ts';
import type { Batch } from '../inference/executor.ts';
import type { ModelSpec, TensorSpec } from '../inference/model-spec.ts';
import { noParameters, type InferRequest } from '../inference/request.ts';
import type { PaddedSize } from '../inference/target.ts';
import { elementCount, type Tensor } from '../inference/tensor.ts';

/** What a made-up request looks like. */
export interface SampleShape {
  /** Which one among several: requests with equal values could not show an influence on each other. */
  readonly number: number;
  readonly padding: readonly PaddedSize[];
  /** For each of `padding`, the request's size. */
  readonly sizes: readonly number[];
  /** Of ragged inputs, along their axes of any size. */
  readonly raggedSize: number;
}

/** A request of one row of small values that differ from those of other numbers. */
export function sampleRequest(spec: ModelSpec, shape: SampleShape): InferRequest {
  return {
    model: spec.name,
    version: spec.version,
    id: '',
    inputs: spec.inputs.map((input) => sampleTensor(spec, input, shape)),
    outputs: [],
    parameters: noParameters,
  };
}

/** The request that a batch of one is made of. */
export function requestOf({ inputs }: Batch): InferRequest {
  const tensors = inputs.map(({ name, datatype, shape, parts: [data = new Uint8Array()] }) => ({
    name,
    datatype,
    shape,
    data,
  }));
  return { model: '', version: '', id: '', inputs: tensors, outputs: [], parameters: noParameters };
}

function sampleTensor(spec: ModelSpec, input: TensorSpec, wanted: SampleShape): Tensor {
  const { name, datatype } = input;
  const dims = input.dims.map((dim, at) => (dim < 0 ? freeDim(input, at, wanted) : dim));
  const shape = spec.maxBatchSize > 0 ? [1, ...dims] : dims;
  const size = wanted.padding.findIndex(({ lengthInput }) => lengthInput === name);
  const mask = wanted.padding.some(({ maskInput }) => maskInput === name);
  const fixed = size >= 0 ? wanted.sizes[size] : mask ? 1 : undefined;
  return { name, datatype, shape, data: sampleData(input, elementCount(shape), wanted.number, fixed) };
}

function freeDim({ name, allowRagged }: TensorSpec, at: number, wanted: SampleShape): number {
  if (allowRagged) return wanted.raggedSize;
  const size = wanted.padding.findIndex(({ inputs }) =>
    inputs.some((padded) => padded.name === name && padded.axis === at + 1),
  );
  return wanted.sizes[size] ?? 1;
}

/** @param fixed The value of all elements; undefined for values that differ. */
function sampleData(
  { datatype }: TensorSpec,
  count: number,
  number: number,
  fixed: number | undefined,
): Uint8Array {
  const width = datatypeSizeBytes[datatype] || 4;
  const data = new Uint8Array(count * width);
  if (datatype === 'FP32') {
    const values = new Float32Array(data.buffer);
    for (let i = 0; i < count; i++) values[i] = fixed ?? ((i * 7 + number * 13) % 17) / 17;
  } else if (datatype === 'FP64') {
    const values = new Float64Array(data.buffer);
    for (let i = 0; i < count; i++) values[i] = fixed ?? ((i * 7 + number * 13) % 17) / 17;
  } else if (datatype !== 'BYTES' && !datatype.includes('F')) {
    const view = new DataView(data.buffer);
    for (let i = 0; i < count; i++) {
      const value = fixed ?? (i + number) % 2;
      if (width >= 4) view.setUint32(i * width, value, true);
      else view.setUint8(i * width, value);
    }
  }
  return data;
}
