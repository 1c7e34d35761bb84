import { isDatatype } from '../../inference/datatype.ts';
import type { TensorMetadata } from '../../inference/catalog.ts';
import type { InferRequest, Parameter } from '../../inference/request.ts';
import type { InferResponse } from '../../inference/response.ts';
import { elementCount, type Tensor } from '../../inference/tensor.ts';
import { appendElements } from './element-text.ts';
import type { PathNames } from './http-call.ts';
import { maxParameters, maxTensors } from './infer-request.ts';
import { readElements } from './json-elements.ts';
import { char, JsonReader } from './json-reader.ts';
import { refuse } from './refuse.ts';

export interface GenerateBody {
  readonly path: PathNames;
  readonly bytes: Buffer;
  /** Of the model that is asked. */
  readonly inputs: readonly TensorMetadata[];
  readonly maxBytes: number;
}

interface Draft {
  readonly body: GenerateBody;
  readonly reader: JsonReader;
  id: string;
  readonly tensors: Tensor[];
  readonly parameters: Map<string, Parameter>;
}

/**
 * Reads the plain object of a generate request: names of inputs become tensors, `parameters` is looked into the same
 * way, and what is left becomes parameters of the request.
 *
 * @throws invalid_argument
 */
export function decodeGenerateRequest(body: GenerateBody): InferRequest {
  const reader = new JsonReader(body.bytes);
  const draft: Draft = { body, reader, id: '', tensors: [], parameters: new Map() };
  readFields(draft, 'outer');
  reader.finish();
  return {
    model: body.path.model,
    version: body.path.version,
    id: draft.id,
    inputs: draft.tensors,
    outputs: [],
    parameters: draft.parameters,
  };
}

function readFields(draft: Draft, level: 'outer' | 'parameters'): void {
  const { reader, body } = draft;
  reader.beginObject();
  for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
    const input = body.inputs.find(({ name }) => name === key);
    if (input !== undefined) {
      if (draft.tensors.length >= maxTensors) throw refuse.tooMany('inputs', maxTensors);
      draft.tensors.push(readTensor(draft, input));
    } else if (level === 'outer' && key === 'parameters' && reader.peek() === char.openBrace) {
      readFields(draft, 'parameters');
    } else if (level === 'outer' && key === 'id') {
      const id = reader.value();
      if (typeof id !== 'string') throw refuse.field('id', 'a string');
      draft.id = id;
    } else readParameter(draft, key);
  }
}

function readParameter({ reader, parameters }: Draft, key: string): void {
  const value = reader.value();
  if (value === null || typeof value === 'object') {
    throw refuse.parameter(key, 'a bool, a number or a string, as no input has this name');
  }
  parameters.set(key, value);
  if (parameters.size > maxParameters) throw refuse.tooMany('parameters', maxParameters);
}

function readTensor({ reader, body }: Draft, { name, datatype, shape }: TensorMetadata): Tensor {
  if (!isDatatype(datatype)) throw refuse.datatype(name, datatype);
  reader.peek();
  const start = reader.position;
  const count = countElements(reader);
  reader.position = start;
  const data = readElements(reader, { name, datatype, count, maxBytes: body.maxBytes });
  return { name, datatype, shape: shapeOfElements(name, shape, count), data };
}

/** Of a scalar or a flat array. */
function countElements(reader: JsonReader): number {
  if (reader.peek() !== char.openBracket) return 1;
  let count = 0;
  reader.beginArray();
  while (reader.nextElement()) {
    reader.peek();
    reader.skip();
    count++;
  }
  return count;
}

/**
 * The shape of so many elements. Variable dimensions are filled from the innermost; those further out become 1.
 *
 * @throws invalid_argument when they do not fill it.
 */
export function shapeOfElements(name: string, shape: readonly number[], count: number): readonly number[] {
  const known = shape.filter((size) => size !== -1);
  const step = elementCount(known);
  if (known.length === shape.length && count !== step) throw refuse.elementCount(name, step);
  if (step === 0 ? count !== 0 : count % step !== 0) throw refuse.multiple(name, step);
  const filled = [...shape];
  let rest = step === 0 ? 0 : count / step;
  for (let index = filled.length - 1; index >= 0; index--) {
    if (filled[index] !== -1) continue;
    filled[index] = rest;
    rest = 1;
  }
  return filled;
}

/** The reply's JSON: outputs beside the names, a single element as a scalar, more as a flat array. */
export function generateReplyText(response: InferResponse): string {
  const { id, model, version, outputs } = response;
  const pieces: Uint8Array[] = [];
  const idText = id === '' ? '' : `"id":${JSON.stringify(id)},`;
  pieces.push(
    Buffer.from(`{${idText}"model_name":${JSON.stringify(model)},"model_version":${JSON.stringify(version)}`),
  );
  for (const tensor of outputs) {
    const isScalar = elementCount(tensor.shape) === 1;
    pieces.push(Buffer.from(`,${JSON.stringify(tensor.name)}:${isScalar ? '' : '['}`));
    appendElements(pieces, tensor);
    if (!isScalar) pieces.push(Buffer.from(']'));
  }
  pieces.push(Buffer.from('}'));
  return Buffer.concat(pieces).toString();
}
