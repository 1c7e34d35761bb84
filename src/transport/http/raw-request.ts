import { datatypeSizeBytes, isDatatype } from '../../inference/datatype.ts';
import type { ModelCatalog, TensorMetadata } from '../../inference/catalog.ts';
import { noParameters } from '../../inference/request.ts';
import { elementCount, type Tensor } from '../../inference/tensor.ts';
import type { PathNames } from './http-call.ts';
import type { DecodedInfer } from './infer-request.ts';
import { refuse } from './refuse.ts';

/**
 * A raw binary request (`Inference-Header-Content-Length: 0`): the whole body is the one input of the model, for one row,
 * and one unknown dimension follows from its length. All outputs leave as bytes.
 *
 * @throws invalid_argument when the model cannot be asked so, and what the catalog throws.
 */
export function rawInferRequest(
  catalog: ModelCatalog,
  { model, version }: PathNames,
  body: Buffer,
): DecodedInfer {
  const { inputs } = catalog.metadata(model, version);
  const [input, more] = inputs;
  if (input === undefined || more !== undefined) {
    throw refuse.raw(model, `it has ${inputs.length} inputs, not one`);
  }
  const batches = Number(catalog.config(model, version)['max_batch_size'] ?? 0) > 0;
  return {
    request: {
      model,
      version,
      id: '',
      inputs: [wholeInput(model, input, { batches, body })],
      outputs: [],
      parameters: noParameters,
    },
    binaryOutputs: 'all',
  };
}

/** The bytes of one input. */
export interface RawInput {
  /** Whether the model has a batch dimension. */
  readonly batches: boolean;
  readonly body: Buffer;
}

/**
 * The tensor of one row of a model, out of its bytes.
 *
 * @throws invalid_argument when its shape does not follow from them.
 */
export function wholeInput(model: string, input: TensorMetadata, { batches, body }: RawInput): Tensor {
  const { name, datatype } = input;
  if (!isDatatype(datatype)) throw refuse.datatype(name, datatype);
  const shape = batches ? [1, ...input.shape.slice(1)] : [...input.shape];
  const unknown = shape.indexOf(-1);
  if (unknown !== shape.lastIndexOf(-1)) throw refuse.raw(model, 'more than one dimension is variable');
  if (datatype === 'BYTES') {
    if (unknown >= 0) shape[unknown] = 1;
    if (elementCount(shape) !== 1) throw refuse.raw(model, 'its input is more than one BYTES element');
    return { name, datatype, shape, data: Buffer.concat([lengthOf(body), body]) };
  }
  if (unknown >= 0) {
    shape[unknown] = 1;
    const size = body.length / (elementCount(shape) * datatypeSizeBytes[datatype]);
    if (!Number.isInteger(size)) throw refuse.raw(model, 'the body holds no whole number of elements');
    shape[unknown] = size;
  }
  return { name, datatype, shape, data: body };
}

function lengthOf(body: Buffer): Buffer {
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32LE(body.length);
  return length;
}
