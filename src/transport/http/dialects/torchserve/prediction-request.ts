import type { ModelCatalog, TensorMetadata } from '../../../../inference/catalog.ts';
import { noParameters, type InferRequest } from '../../../../inference/request.ts';
import type { Tensor } from '../../../../inference/tensor.ts';
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

/** A prediction while its body is read. */
interface Draft {
  readonly body: PredictionBody;
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
  const { model, version } = body;
  const { inputs } = catalog.metadata(model, version);
  const batches = Number(catalog.config(model, version)['max_batch_size'] ?? 0) > 0;
  const draft: Draft = { body, inputs, batches, budget: { leftBytes: body.maxBytes } };
  const request = {
    model,
    version,
    id: '',
    inputs: readInputs(draft),
    outputs: [],
    parameters: noParameters,
  };
  return { request, batches };
}

function readInputs(draft: Draft): readonly Tensor[] {
  const { model, bytes, contentType } = draft.body;
  const boundary = boundaryOf(contentType);
  if (boundary !== undefined) return readParts(draft, boundary);
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

/** `data` is what TorchServe's clients call the only input. */
function readParts(draft: Draft, boundary: string): readonly Tensor[] {
  const { model, bytes } = draft.body;
  const tensors = new Map<string, Tensor>();
  for (const { name, contentType, data } of readForm(bytes, boundary)) {
    const known = draft.inputs.some((input) => input.name === name);
    const input = !known && name === 'data' ? onlyInput(draft) : inputNamed(draft, name);
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
