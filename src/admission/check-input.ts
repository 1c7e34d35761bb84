import { datatypeSizeBytes } from '../inference/datatype.ts';
import type { ModelSpec, TensorSpec } from '../inference/model-spec.ts';
import type { Tensor } from '../inference/tensor.ts';
import { checkBooleans, checkByteElements } from './check-elements.ts';
import { refuse } from './refuse.ts';

/**
 * A tensor with a zero in its shape has no bytes, so nothing else bounds what its other dimensions claim, and a model
 * may well make a tensor of those alone. As many FP32 elements as this fill a message of the default size.
 */
const maxEmptyElements = 2 ** 24;

/**
 * Compares one input with what the model wants.
 *
 * @returns its rows; 1 for a model without a batch dimension.
 * @throws invalid_argument
 */
export function checkInput(spec: ModelSpec, wanted: TensorSpec, input: Tensor, maxRows: number): number {
  const rows = checkRows(spec, wanted, input, maxRows);
  if (input.datatype !== wanted.datatype) throw refuse.datatype(spec, wanted, input);
  const elements = countElements(spec, wanted, input);
  if (input.datatype === 'BYTES') {
    checkByteElements(spec, input, elements);
    return rows;
  }
  const sizeBytes = elements * datatypeSizeBytes[input.datatype];
  if (sizeBytes > Number.MAX_SAFE_INTEGER) throw refuse.byteOverflow(spec, input);
  if (input.data.byteLength !== sizeBytes) throw refuse.byteSize(spec, input, sizeBytes);
  if (input.datatype === 'BOOL') checkBooleans(spec, input);
  return rows;
}

function checkRows(spec: ModelSpec, wanted: TensorSpec, input: Tensor, maxRows: number): number {
  const { shape } = input;
  if (spec.maxBatchSize === 0) {
    if (shape.length !== wanted.dims.length) throw refuse.shape(spec, wanted, input);
    return 1;
  }
  const rows = shape[0];
  if (rows === undefined) throw refuse.noBatchDimension(spec, input);
  if (shape.length !== wanted.dims.length + 1 || rows < 0) throw refuse.shape(spec, wanted, input);
  if (rows === 0) throw refuse.noRows(spec);
  if (rows > maxRows) throw refuse.tooManyRows(spec);
  return rows;
}

/** Elements of the whole tensor. The rank has been checked. */
function countElements(spec: ModelSpec, wanted: TensorSpec, input: Tensor): number {
  const { shape } = input;
  const offset = shape.length - wanted.dims.length;
  let elements = 1;
  let empty = false;
  for (let i = 0; i < shape.length; i++) {
    const dim = shape[i] ?? -1;
    const size = i < offset ? -1 : wanted.dims[i - offset];
    if (dim < 0 || !Number.isSafeInteger(dim) || (size !== -1 && size !== dim)) {
      throw refuse.shape(spec, wanted, input);
    }
    if (dim === 0) empty = true;
    else elements *= dim;
  }
  const limit = empty ? maxEmptyElements : Number.MAX_SAFE_INTEGER;
  if (elements > limit) throw refuse.elementOverflow(spec, input, limit);
  return empty ? 0 : elements;
}
