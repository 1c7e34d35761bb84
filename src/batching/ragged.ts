import type { Batch, BatchTensor } from '../inference/executor.ts';
import type { ModelSpec } from '../inference/model-spec.ts';
import type { InferRequest } from '../inference/request.ts';
import type { BatchInput, RaggedBatching } from '../inference/target.ts';
import { elementCount, type Tensor } from '../inference/tensor.ts';
import { joinInput, type Member } from './assemble.ts';

/**
 * Joins requests whose inputs may differ in size: a ragged input becomes one dimension, the elements of all requests one
 * after the other, and the model learns from its batch inputs where each begins.
 */
export function assembleRagged(
  spec: ModelSpec,
  { batchInputs }: RaggedBatching,
  members: readonly Member[],
  outputs: readonly string[],
): Batch {
  let rows = 0;
  for (const member of members) rows += member.rows;
  const inputs: BatchTensor[] = [];
  for (const [index, input] of spec.inputs.entries()) {
    const joined = joinInput(spec, members, index, rows);
    inputs.push(input.allowRagged ? { ...joined, shape: [elementsOf(members, index)] } : joined);
  }
  for (const input of batchInputs) addBatchInput(spec, input, members, inputs);
  return { inputs, outputs, rows };
}

function elementsOf(members: readonly Member[], index: number): number {
  let elements = 0;
  for (const { request } of members) elements += elementCount(request.inputs[index]?.shape ?? []);
  return elements;
}

function addBatchInput(
  spec: ModelSpec,
  { kind, targets, datatype, source }: BatchInput,
  members: readonly Member[],
  inputs: BatchTensor[],
): void {
  const shapes = members.map(({ request }) => shapeOf(spec, request, source));
  const { shape, values } = batchValues[kind](shapes);
  const data = new Uint8Array(
    (datatype === 'INT32' ? Int32Array.from(values) : Float32Array.from(values)).buffer,
  );
  for (const name of targets) {
    inputs.push({ name, datatype, shape, parts: [data], sizeBytes: data.byteLength });
  }
}

function shapeOf({ inputs }: ModelSpec, request: InferRequest, source: string): readonly number[] {
  const index = inputs.findIndex(({ name }) => name === source);
  const shape = request.inputs[index]?.shape;
  if (shape === undefined) throw new Error('bug: a batch input without its source');
  return shape;
}

interface BatchValues {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

type Shapes = readonly (readonly number[])[];

/** Triton's kinds of batch_input, from the shapes of the source input, batch dimensions included. */
const batchValues: Readonly<Record<BatchInput['kind'], (shapes: Shapes) => BatchValues>> = {
  BATCH_ELEMENT_COUNT: (shapes) => list(shapes.map(elementCount)),
  BATCH_ACCUMULATED_ELEMENT_COUNT: (shapes) => list(accumulated(shapes)),
  BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO: (shapes) => list([0, ...accumulated(shapes)]),
  BATCH_MAX_ELEMENT_COUNT_AS_SHAPE: (shapes) => {
    const largest = Math.max(...shapes.map(elementCount));
    return { shape: [largest], values: Array.from({ length: largest }, () => 0) };
  },
  BATCH_ITEM_SHAPE: (shapes) => {
    const items = itemShapes(shapes);
    return { shape: [items.length, items[0]?.length ?? 0], values: items.flat() };
  },
  BATCH_ITEM_SHAPE_FLATTEN: (shapes) => list(itemShapes(shapes).flat()),
};

function list(values: readonly number[]): BatchValues {
  return { shape: [values.length], values };
}

function accumulated(shapes: Shapes): readonly number[] {
  let sum = 0;
  return shapes.map((shape) => (sum += elementCount(shape)));
}

/** The shape of each row. */
function itemShapes(shapes: Shapes): readonly (readonly number[])[] {
  return shapes.flatMap(([rows = 0, ...item]) => Array.from({ length: rows }, () => item));
}

/** Deals out an output of one dimension: to each request as many elements as the shape has that it gets. */
export class ScatterReader {
  readonly #tensor: Tensor;
  readonly #dims: readonly number[];
  readonly #source: number;
  readonly #elementBytes: number;
  #offset = 0;

  /** @param sourceInput Whose sizes stand for the variable ones of the output. */
  constructor(spec: ModelSpec, tensor: Tensor, sourceInput: string) {
    this.#tensor = tensor;
    this.#dims = [-1, ...(spec.outputsByName.get(tensor.name)?.dims ?? [])];
    this.#source = spec.inputs.findIndex(({ name }) => name === sourceInput);
    this.#elementBytes = tensor.data.byteLength / Math.max(1, elementCount(tensor.shape));
  }

  next({ request }: Member): Tensor {
    const { name, datatype, data } = this.#tensor;
    const source = request.inputs[this.#source]?.shape ?? [];
    const shape = this.#dims.map((dim, axis) => (dim === -1 ? (source[axis] ?? 1) : dim));
    const start = this.#offset;
    this.#offset += elementCount(shape) * this.#elementBytes;
    return { name, datatype, shape, data: data.subarray(start, this.#offset) };
  }

  /** Whether the requests took exactly what there was. */
  get exhausted(): boolean {
    return this.#offset === this.#tensor.data.byteLength;
  }
}
