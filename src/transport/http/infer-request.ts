import { datatypeSizeBytes, isDatatype, type Datatype } from '../../inference/datatype.ts';
import {
  noParameters,
  type InferRequest,
  type Parameter,
  type RequestedOutput,
} from '../../inference/request.ts';
import { readOutputPlace, readPlace } from '../../inference/shared-memory-rules.ts';
import type { TensorPlace, TensorPlaces } from '../../inference/shared-memory.ts';
import { elementCount, type Tensor } from '../../inference/tensor.ts';
import { readElements } from './json-elements.ts';
import { char, JsonReader } from './json-reader.ts';
import { refuse } from './refuse.ts';

/** More inputs or outputs, dimensions, and parameters on one of them than these are refused, as over gRPC. */
export const maxTensors = 1024;
export const maxDimensions = 64;
export const maxParameters = 256;

/** Which outputs leave as bytes behind the JSON instead of inside it. */
export type BinaryOutputs = 'all' | ReadonlySet<string>;

const noNames: ReadonlySet<string> = new Set<string>();

/** What the body of an infer request says. */
export interface DecodedInfer {
  readonly request: InferRequest;
  readonly binaryOutputs: BinaryOutputs;
}

export interface InferBody {
  readonly model: string;
  readonly version: string;
  readonly bytes: Buffer;
  /** Bytes of JSON before the binary data; undefined when all of the body is JSON. */
  readonly jsonBytes: number | undefined;
  /** What all tensors of a request may take that are read out of JSON. */
  readonly maxBytes: number;
}

/** A request while its body is read. */
interface Draft {
  readonly reader: JsonReader;
  readonly body: InferBody;
  id: string;
  parameters: Map<string, Parameter> | undefined;
  readonly inputs: Tensor[];
  readonly outputs: RequestedOutput[];
  binaryNames: Set<string> | undefined;
  /** Of inputs in shared memory, by index. */
  inputPlaces: Map<number, TensorPlace> | undefined;
  outputPlaces: Map<string, TensorPlace> | undefined;
  /** Where the next binary input begins in the body. */
  binaryStart: number;
  /** Of tensors read out of JSON so far. */
  typedBytes: number;
}

/**
 * Reads the JSON of an infer request and the binary data behind it. Binary inputs stay views of the body.
 *
 * @throws invalid_argument
 */
export function decodeInferRequest(body: InferBody): DecodedInfer {
  const { bytes, jsonBytes = bytes.length } = body;
  const draft: Draft = {
    reader: new JsonReader(jsonBytes === bytes.length ? bytes : bytes.subarray(0, jsonBytes)),
    body,
    id: '',
    parameters: undefined,
    inputs: [],
    outputs: [],
    binaryNames: undefined,
    inputPlaces: undefined,
    outputPlaces: undefined,
    binaryStart: jsonBytes,
    typedBytes: 0,
  };
  readRequest(draft);
  const leftBytes = bytes.length - draft.binaryStart;
  if (leftBytes > 0) throw refuse.additional(body.model, leftBytes);
  const allBinary = takeFlag(draft.parameters, 'binary_data_output') && draft.outputs.length === 0;
  const request = {
    model: body.model,
    version: body.version,
    id: draft.id,
    inputs: draft.inputs,
    outputs: draft.outputs,
    parameters: draft.parameters ?? noParameters,
  };
  const shared = placesOf(draft);
  return {
    request: shared === undefined ? request : { ...request, shared },
    binaryOutputs: allBinary ? 'all' : (draft.binaryNames ?? noNames),
  };
}

function placesOf({ inputs, inputPlaces, outputPlaces }: Draft): TensorPlaces | undefined {
  if (inputPlaces === undefined && outputPlaces === undefined) return undefined;
  return { inputs: inputs.map((_, index) => inputPlaces?.get(index)), outputs: outputPlaces ?? new Map() };
}

function readRequest(draft: Draft): void {
  const { reader } = draft;
  reader.beginObject();
  for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
    switch (key) {
      case 'id':
        draft.id = readText(reader, 'id');
        break;
      case 'parameters':
        draft.parameters = readParameters(reader);
        break;
      case 'inputs':
        beginList(reader, 'inputs');
        while (reader.nextElement()) readInput(draft);
        break;
      case 'outputs':
        beginList(reader, 'outputs');
        while (reader.nextElement()) readOutput(draft);
        break;
      default:
        reader.skip();
    }
  }
  reader.finish();
}

function beginList(reader: JsonReader, field: string): void {
  if (reader.peek() !== char.openBracket) throw refuse.field(field, 'an array');
  reader.beginArray();
}

function beginTensor(reader: JsonReader, field: string): void {
  if (reader.peek() !== char.openBrace) throw refuse.field(field, 'an array of objects');
  reader.beginObject();
}

/** An input as its object says. */
interface InputFields {
  name: string;
  datatype: string;
  shape: number[] | undefined;
  parameters: Map<string, Parameter> | undefined;
  data: Buffer | undefined;
  /** Where data stand that came before datatype or shape; -1 otherwise. */
  dataStart: number;
}

function readInput(draft: Draft): void {
  const { reader, inputs } = draft;
  if (inputs.length >= maxTensors) throw refuse.tooMany('inputs', maxTensors);
  const input: InputFields = {
    name: '',
    datatype: '',
    shape: undefined,
    parameters: undefined,
    data: undefined,
    dataStart: -1,
  };
  beginTensor(reader, 'inputs');
  for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
    switch (key) {
      case 'name':
        input.name = readText(reader, 'name');
        break;
      case 'datatype':
        input.datatype = readText(reader, 'datatype');
        break;
      case 'shape':
        input.shape = readShape(reader);
        break;
      case 'parameters':
        input.parameters = readParameters(reader);
        break;
      case 'data':
        if (input.shape !== undefined && input.datatype !== '') {
          input.data = readData(draft, input.name, datatypeOf(input), input.shape);
        } else {
          input.dataStart = reader.position;
          reader.skip();
        }
        break;
      default:
        reader.skip();
    }
  }
  inputs.push(finishInput(draft, input));
}

function datatypeOf({ name, datatype }: InputFields): Datatype {
  if (!isDatatype(datatype)) throw refuse.datatype(name, datatype);
  return datatype;
}

function finishInput(draft: Draft, input: InputFields): Tensor {
  const { name, parameters, dataStart } = input;
  const shape = input.shape ?? [];
  const datatype = datatypeOf(input);
  let { data } = input;
  if (dataStart >= 0) {
    const { reader } = draft;
    const end = reader.position;
    reader.position = dataStart;
    data = readData(draft, name, datatype, shape);
    reader.position = end;
  }
  const binary = parameters?.get('binary_data_size');
  const place = parameters && readPlace(name, parameters);
  if (place !== undefined) {
    if (data !== undefined || binary !== undefined) throw refuse.oneSource(name, 'multiple');
    (draft.inputPlaces ??= new Map()).set(draft.inputs.length, place);
    return { name, datatype, shape, data: nothing };
  }
  if (data !== undefined && binary !== undefined) throw refuse.oneSource(name, 'multiple');
  if (binary !== undefined) data = takeBinary(draft, name, binary);
  if (data === undefined) throw refuse.oneSource(name, 'none');
  return { name, datatype, shape, data };
}

const nothing = new Uint8Array(0);

function readData(draft: Draft, name: string, datatype: Datatype, shape: readonly number[]): Buffer {
  const count = elementCount(shape);
  if (!Number.isSafeInteger(count * Math.max(1, datatypeSizeBytes[datatype]))) {
    // No tensor of this shape can be: the comparison with the model says so, with the text for it.
    draft.reader.skip();
    return Buffer.alloc(0);
  }
  const maxBytes = draft.body.maxBytes - draft.typedBytes;
  const data = readElements(draft.reader, { name, datatype, count, maxBytes });
  draft.typedBytes += data.length;
  return data;
}

function takeBinary(draft: Draft, name: string, size: Parameter): Buffer {
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw refuse.parameter('binary_data_size', 'a whole number of 0 or more');
  }
  const { bytes } = draft.body;
  const start = draft.binaryStart;
  if (size > bytes.length - start) throw refuse.missingBinary(name, size, bytes.length - start);
  draft.binaryStart = start + size;
  return bytes.subarray(start, start + size);
}

function readOutput(draft: Draft): void {
  const { reader, outputs } = draft;
  if (outputs.length >= maxTensors) throw refuse.tooMany('outputs', maxTensors);
  let name = '';
  let parameters: Map<string, Parameter> | undefined;
  beginTensor(reader, 'outputs');
  for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
    if (key === 'name') name = readText(reader, 'name');
    else if (key === 'parameters') parameters = readParameters(reader);
    else reader.skip();
  }
  const isBinary = takeFlag(parameters, 'binary_data');
  if (isBinary) (draft.binaryNames ??= new Set()).add(name);
  const place = parameters && readOutputPlace(name, parameters);
  if (place !== undefined) {
    if (isBinary) throw refuse.binaryPlace();
    (draft.outputPlaces ??= new Map()).set(name, place);
  }
  outputs.push({ name, parameters: parameters ?? noParameters });
}

/** A parameter of this front alone, which goes no further. */
function takeFlag(parameters: Map<string, Parameter> | undefined, name: string): boolean {
  const value = parameters?.get(name);
  if (value === undefined) return false;
  if (typeof value !== 'boolean') throw refuse.parameter(name, 'true or false');
  parameters?.delete(name);
  return value;
}

function readText(reader: JsonReader, field: string): string {
  if (reader.peek() !== char.quote) throw refuse.field(field, 'a string');
  return reader.string();
}

function readShape(reader: JsonReader): number[] {
  if (reader.peek() !== char.openBracket) throw refuse.field('shape', 'an array');
  const shape: number[] = [];
  reader.beginArray();
  while (reader.nextElement()) {
    const dimension = reader.value();
    if (typeof dimension === 'bigint') throw refuse.dimension(dimension);
    if (typeof dimension !== 'number' || !(dimension >= 0)) throw refuse.shapeElement();
    if (!Number.isSafeInteger(dimension)) throw refuse.shapeElement();
    if (shape.length >= maxDimensions) throw refuse.dimensions(maxDimensions);
    shape.push(dimension);
  }
  return shape;
}

/**
 * The `parameters` object of a request or a tensor.
 *
 * @throws invalid_argument for values that are no scalars.
 */
export function readParameters(reader: JsonReader): Map<string, Parameter> {
  if (reader.peek() !== char.openBrace) throw refuse.field('parameters', 'an object');
  const parameters = new Map<string, Parameter>();
  reader.beginObject();
  for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
    const value = reader.value();
    if (value === null || (typeof value === 'object' && value instanceof Object)) {
      throw refuse.parameter(key, 'a bool, a number or a string');
    }
    parameters.set(key, value);
    if (parameters.size > maxParameters) throw refuse.tooMany('parameters', maxParameters);
  }
  return parameters;
}
