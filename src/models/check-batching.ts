import { datatypeSizeBytes } from '../inference/datatype.ts';
import type { Batch, BatchTensor, Executor } from '../inference/executor.ts';
import type { ModelSpec, TensorSpec } from '../inference/model-spec.ts';
import { elementCount, type Tensor } from '../inference/tensor.ts';
import { ServingError } from '../errors.ts';

/** Compares a batch's outputs with those of its rows alone; '' when they agree, else the reason. */
export type CompareRows = (batched: readonly Tensor[], single: readonly (readonly Tensor[])[]) => string;

const mostRows = 3;
const maxRowBytes = 4 * 1024 * 1024;

/**
 * Finds out whether a model's rows depend on each other, by running some together and each alone. An exported first
 * dimension of any size does not promise that it counts rows.
 *
 * @returns '' when requests may share a batch or nothing could be found out, else why they may not.
 */
export async function checkBatching(
  spec: ModelSpec,
  executor: Executor,
  compare: CompareRows,
): Promise<string> {
  const inputs = spec.inputs.filter(({ optional }) => !optional);
  const rowBytes = inputs.reduce(
    (sum, input) => sum + elementCount(rowDims(input)) * (datatypeSizeBytes[input.datatype] || 4),
    0,
  );
  const rows = Math.min(mostRows, spec.maxBatchSize);
  if (rows < 2 || rowBytes > maxRowBytes || inputs.length === 0) return '';
  const samples = Array.from({ length: rows }, (_, row) => inputs.map((input) => sampleRow(input, row)));
  const outputs = spec.outputs.map(({ name }) => name);
  const batchOf = (chosen: readonly (readonly Uint8Array[])[]): Batch => ({
    inputs: inputs.map((input, index) =>
      joined(
        input,
        chosen.map((row) => row[index] ?? new Uint8Array()),
      ),
    ),
    outputs,
    rows: chosen.length,
    rehearsal: true,
  });
  try {
    const single: (readonly Tensor[])[] = [];
    for (const row of samples) single.push((await executor.run(batchOf([row]))).outputs);
    return compare((await executor.run(batchOf(samples))).outputs, single);
  } catch (error) {
    // What single rows show cannot be compared when the model refuses made-up values.
    if (ServingError.from(error).code === 'unavailable') throw error;
    return '';
  }
}

function rowDims(input: TensorSpec): number[] {
  return (input.reshape ?? input.dims).map((dim) => (dim < 0 ? 1 : dim));
}

/** Small values that differ between rows: equal rows could not show an influence on each other. */
function sampleRow(input: TensorSpec, row: number): Uint8Array {
  const count = elementCount(rowDims(input));
  const data = new Uint8Array(count * (datatypeSizeBytes[input.datatype] || 4));
  if (input.datatype === 'FP32') {
    const values = new Float32Array(data.buffer);
    for (let i = 0; i < count; i++) values[i] = ((i * 7 + row * 13) % 17) / 17;
  } else if (input.datatype === 'FP64') {
    const values = new Float64Array(data.buffer);
    for (let i = 0; i < count; i++) values[i] = ((i * 7 + row * 13) % 17) / 17;
  } else if (input.datatype !== 'BYTES' && !input.datatype.includes('F')) {
    const width = datatypeSizeBytes[input.datatype];
    for (let i = 0; i < count; i++) data[i * width] = (i + row) % 2;
  }
  return data;
}

function joined(input: TensorSpec, parts: readonly Uint8Array[]): BatchTensor {
  const sizeBytes = parts.reduce((sum, part) => sum + part.byteLength, 0);
  return {
    name: input.name,
    datatype: input.datatype,
    shape: [parts.length, ...rowDims(input)],
    parts,
    sizeBytes,
  };
}
