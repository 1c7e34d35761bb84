import type { ModelCatalog, TensorMetadata } from '../../../../inference/catalog.ts';
import { datatypeSizeBytes, isDatatype } from '../../../../inference/datatype.ts';
import { noParameters, type InferRequest } from '../../../../inference/request.ts';
import { elementCount, type Tensor } from '../../../../inference/tensor.ts';
import { char, JsonReader } from '../../json-reader.ts';
import { wholeInput } from '../../raw-request.ts';
import { readNested, type TensorBudget } from '../nested/read-nested.ts';
import { boundaryOf, readForm } from './multipart.ts';
import { refuseTorchserve } from './refuse-torchserve.ts';

export interface PredictionBody {
  readonly model: string;
  readonly version: string;
  readonly bytes: Buffer;
  /** As sent; '' when absent. */
  readonly contentType: string;
  /** What tensors may take that come as JSON. */
  readonly maxBytes: number;
}

export interface DecodedPrediction {
  readonly request: InferRequest;
  /** Whether the model has a batch dimension, of which this is one row. */
  readonly batches: boolean;
}

/** A prediction whose inputs come apart, without types of their contents. */
export interface PredictionParts {
  readonly model: string;
  readonly version: string;
  readonly parts: ReadonlyMap<string, Buffer>;
  /** As in `PredictionBody`. */
  readonly maxBytes: number;
}

/** A prediction while its body is read. */
interface Draft {
  readonly model: string;
  readonly inputs: readonly TensorMetadata[];
  readonly batches: boolean;
  readonly budget: TensorBudget;
}

/**
 * Reads one row for a model: JSON, the bytes of its only input, or a form with a part for each input.
 *
 * @throws invalid_argument, and what the catalog throws.
 */
export function decodePrediction(body: PredictionBody, catalog: ModelCatalog): DecodedPrediction {
  const draft = beginDraft(body, catalog);
  return finishDraft(draft, body.version, readInputs(draft, body));
}

/**
 * Reads one row for a model out of parts by input; `data` is what TorchServe's clients call the only one. A part that is JSON
 * of the input's shape is read as that, any other as the input's bytes.
 *
 * @throws as `decodePrediction`.
 */
export function decodeParts(asked: PredictionParts, catalog: ModelCatalog): DecodedPrediction {
  const draft = beginDraft(asked, catalog);
  const tensors = new Map<string, Tensor>();
  for (const [name, bytes] of asked.parts) {
    const input = partInput(draft, name);
    if (tensors.has(input.name)) throw refuseTorchserve.repeated(input.name);
    tensors.set(input.name, readUntyped(draft, bytes, input));
  }
  return finishDraft(draft, asked.version, [...tensors.values()]);
}

function beginDraft(
  { model, version, maxBytes }: Pick<PredictionBody, 'model' | 'version' | 'maxBytes'>,
  catalog: ModelCatalog,
): Draft {
  const { inputs } = catalog.metadata(model, version);
  const batches = Number(catalog.config(model, version)['max_batch_size'] ?? 0) > 0;
  return { model, inputs, batches, budget: { leftBytes: maxBytes } };
}

function finishDraft(
  { model, batches }: Draft,
  version: string,
  inputs: readonly Tensor[],
): DecodedPrediction {
  return { request: { model, version, id: '', inputs, outputs: [], parameters: noParameters }, batches };
}

function readInputs(draft: Draft, { model, bytes, contentType }: PredictionBody): readonly Tensor[] {
  const boundary = boundaryOf(contentType);
  if (boundary !== undefined) return readParts(draft, bytes, boundary);
  if (isJson(contentType, bytes)) return readJson(draft, bytes);
  return [wholeInput(model, onlyInput(draft), { batches: draft.batches, body: bytes })];
}

const jsonType = /^application\/(?:[\w.+-]+\+)?json\b/i;

/** What curl calls data that it is given without a type; nothing that a model takes is sent so on purpose. */
const formType = /^application\/x-www-form-urlencoded\b/i;

function isJson(contentType: string, bytes: Buffer): boolean {
  if (jsonType.test(contentType)) return true;
  const [first] = bytes;
  return formType.test(contentType) && (first === char.openBrace || first === char.openBracket);
}

/** Whether more of a body of this type may be read than its bytes taken. */
export function mayHoldJson(contentType: string): boolean {
  return jsonType.test(contentType) || formType.test(contentType) || boundaryOf(contentType) !== undefined;
}

/** A value for the only input, or an object of values by input. */
function readJson(draft: Draft, bytes: Buffer): readonly Tensor[] {
  const reader = new JsonReader(bytes);
  const tensors = new Map<string, Tensor>();
  if (reader.peek() === char.openBrace) {
    reader.beginObject();
    for (let name = reader.nextKey(); name !== undefined; name = reader.nextKey()) {
      const input = inputNamed(draft, name);
      if (tensors.has(name)) throw refuseTorchserve.repeated(name);
      tensors.set(name, readRow(draft, reader, input));
    }
  } else {
    const input = onlyInput(draft);
    tensors.set(input.name, readRow(draft, reader, input));
  }
  reader.finish();
  return [...tensors.values()];
}

function readRow({ batches, budget }: Draft, reader: JsonReader, input: TensorMetadata): Tensor {
  const { name, datatype, shape, data } = readNested(reader, input, budget);
  return { name, datatype, shape: batches ? [1, ...shape] : shape, data };
}

/** Of text any bytes are the text. What cannot be the tensor's bytes has to be JSON. */
function readUntyped(draft: Draft, bytes: Buffer, input: TensorMetadata): Tensor {
  const { model, batches, budget } = draft;
  const raw = (): Tensor => wholeInput(model, input, { batches, body: bytes });
  const { datatype, shape } = input;
  if (!isDatatype(datatype) || datatype === 'BYTES') return raw();
  const sizes = batches ? shape.slice(1) : shape;
  const mayBeBytes = sizes.includes(-1) || bytes.length === elementCount(sizes) * datatypeSizeBytes[datatype];
  if (!mayBeBytes) return readPart(draft, bytes, input);
  const { leftBytes } = budget;
  try {
    const tensor = readPart(draft, bytes, input);
    if (isOfShape(tensor.shape, shape)) return tensor;
  } catch {
    // Bytes, then.
  }
  budget.leftBytes = leftBytes;
  return raw();
}

/** The first size of models with a batch dimension is -1. */
function isOfShape(shape: readonly number[], wanted: readonly number[]): boolean {
  if (shape.length !== wanted.length) return false;
  return wanted.every((size, axis) => size === -1 || size === shape[axis]);
}

/** `data` is what TorchServe's clients call the only input. */
function partInput(draft: Draft, name: string): TensorMetadata {
  const known = draft.inputs.some((input) => input.name === name);
  return !known && name === 'data' ? onlyInput(draft) : inputNamed(draft, name);
}

function readParts(draft: Draft, bytes: Buffer, boundary: string): readonly Tensor[] {
  const { model } = draft;
  const tensors = new Map<string, Tensor>();
  for (const { name, contentType, data } of readForm(bytes, boundary)) {
    const input = partInput(draft, name);
    if (tensors.has(input.name)) throw refuseTorchserve.repeated(input.name);
    tensors.set(
      input.name,
      jsonType.test(contentType)
        ? readPart(draft, data, input)
        : wholeInput(model, input, { batches: draft.batches, body: data }),
    );
  }
  return [...tensors.values()];
}

function readPart(draft: Draft, data: Buffer, input: TensorMetadata): Tensor {
  const reader = new JsonReader(data);
  const tensor = readRow(draft, reader, input);
  reader.finish();
  return tensor;
}

function onlyInput({ inputs }: Draft): TensorMetadata {
  const [input, more] = inputs;
  if (input === undefined || more !== undefined) throw refuseTorchserve.unnamed(inputs.length);
  return input;
}

function inputNamed({ inputs }: Draft, name: string): TensorMetadata {
  const input = inputs.find((candidate) => candidate.name === name);
  if (input === undefined) throw refuseTorchserve.unknownInput(name);
  return input;
}
