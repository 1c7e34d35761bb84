import type { InferRequest } from '../inference/request.ts';
import type { Target } from '../inference/target.ts';
import type { Tensor } from '../inference/tensor.ts';

/** Whether the rows of a model's requests have answers of their own: its configuration says that they do not influence each other. */
export function hasRowAnswers({ spec, scheduling }: Pick<Target, 'spec' | 'scheduling'>): boolean {
  const { rowIndependent, padding, ragged } = scheduling;
  return rowIndependent && spec.maxBatchSize > 0 && padding.length === 0 && ragged === undefined;
}

/** How many rows a request has that can be told apart; 1 where there is nothing to tell apart. */
export function countRows({ inputs }: InferRequest): number {
  const rows = inputs[0]?.shape[0] ?? 1;
  for (let index = 0; index < inputs.length; index++) {
    const input = inputs[index];
    // Elements of BYTES differ in length.
    if (input === undefined || input.datatype === 'BYTES' || input.shape[0] !== rows) return 1;
  }
  return rows;
}

/** A request for some of the rows of another one, in that order. */
export function requestForRows(request: InferRequest, rows: readonly number[]): InferRequest {
  return { ...request, inputs: request.inputs.map((input) => tensorOfRows(input, rows)) };
}

function tensorOfRows({ name, datatype, shape, data }: Tensor, rows: readonly number[]): Tensor {
  const rowBytes = data.length / (shape[0] ?? 1);
  const own = new Uint8Array(rowBytes * rows.length);
  for (const [index, row] of rows.entries()) {
    own.set(data.subarray(row * rowBytes, (row + 1) * rowBytes), index * rowBytes);
  }
  return { name, datatype, shape: [rows.length, ...shape.slice(1)], data: own };
}

/** The outputs of each row, as views; undefined where they cannot be told apart. */
export function splitRows(
  outputs: readonly Tensor[],
  rows: number,
): readonly (readonly Tensor[])[] | undefined {
  for (const { datatype, shape } of outputs) {
    if (datatype === 'BYTES' || shape[0] !== rows) return undefined;
  }
  return Array.from({ length: rows }, (_, row) =>
    outputs.map(({ name, datatype, shape, data }) => {
      const rowBytes = data.length / rows;
      return {
        name,
        datatype,
        shape: [1, ...shape.slice(1)],
        data: data.subarray(row * rowBytes, (row + 1) * rowBytes),
      };
    }),
  );
}

/** One answer of those of its rows; undefined when they differ in more than their values. */
export function joinRows(rows: readonly (readonly Tensor[])[]): readonly Tensor[] | undefined {
  const [first = []] = rows;
  const joined: Tensor[] = [];
  for (const [index, { name, datatype, shape, data }] of first.entries()) {
    const rowBytes = data.length;
    const own = new Uint8Array(rowBytes * rows.length);
    for (const [row, outputs] of rows.entries()) {
      const output = outputs[index];
      if (output?.name !== name || output.datatype !== datatype || !isSameSize(output.shape, shape)) {
        return undefined;
      }
      own.set(output.data, row * rowBytes);
    }
    joined.push({ name, datatype, shape: [rows.length, ...shape.slice(1)], data: own });
  }
  return joined;
}

function isSameSize(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((size, axis) => size === other[axis]);
}
