import { ServingError } from '../errors.ts';
import type { Datatype } from '../inference/datatype.ts';
import type { Front } from '../inference/front.ts';
import type { ModelSpec, TensorSpec } from '../inference/model-spec.ts';
import type { Tensor } from '../inference/tensor.ts';
import { printable } from '../util/printable.ts';

/** Of a list of names or dimensions, as many as this are shown. */
const shownItems = 6;

function invalid(reason: string, message: string): ServingError {
  return new ServingError('invalid_argument', message, { reason });
}

function shownModel({ name }: ModelSpec): string {
  return `'${printable(name)}'`;
}

function shownInput({ name }: { readonly name: string }): string {
  return `'${printable(name)}'`;
}

function shownNames(names: readonly string[]): string {
  const shown = names.slice(0, shownItems).map((name) => `'${printable(name, 32)}'`);
  return `[${shown.join(',')}${names.length > shownItems ? ',...' : ''}]`;
}

/** A shape of a strange rank may be long. */
function shownShape(shape: readonly number[]): string {
  return `[${shape.slice(0, 16).join(',')}${shape.length > 16 ? ',...' : ''}]`;
}

/**
 * The refusals of validation, with the texts that clients of the protocol match. A test holds that each stays printable
 * and within 1 KB, whatever names a request carries.
 */
export const refuse = {
  decoupled: (front: Front) =>
    new ServingError(
      'unimplemented',
      front === 'http'
        ? "HTTP end point doesn't support models with decoupled transaction policy; use generate_stream"
        : "ModelInfer RPC doesn't support models with decoupled transaction policy; use ModelStreamInfer",
      { reason: 'DECOUPLED_MODEL' },
    ),
  tooMany: (what: string, limit: number) =>
    invalid(what === 'parameters' ? 'TOO_MANY_PARAMETERS' : 'TOO_MANY_TENSORS', `more than ${limit} ${what}`),

  unexpectedInput: (spec: ModelSpec, name: string) =>
    invalid(
      'UNEXPECTED_TENSOR',
      `unexpected inference input '${printable(name)}' for model ${shownModel(spec)}`,
    ),
  unexpectedOutput: (spec: ModelSpec, name: string) =>
    invalid(
      'UNEXPECTED_TENSOR',
      `unexpected inference output '${printable(name)}' for model ${shownModel(spec)}`,
    ),
  duplicate: (what: 'input' | 'output', name: string) =>
    invalid('DUPLICATE_TENSOR', `${what} '${printable(name)}' already exists in request`),
  wrongInputs: (
    spec: ModelSpec,
    found: {
      readonly required: number;
      readonly given: readonly string[];
      readonly missing: readonly string[];
    },
  ) => {
    const most = spec.inputs.length;
    const expected =
      found.required === most ? `${most} inputs` : `between ${found.required} and ${most} inputs`;
    return invalid(
      'WRONG_INPUTS',
      `expected ${expected} but got ${found.given.length} inputs for model ${shownModel(spec)}. ` +
        `Got input(s) ${shownNames(found.given)}, but missing required input(s) ${shownNames(found.missing)}`,
    );
  },

  datatype: (spec: ModelSpec, wanted: TensorSpec, input: Tensor) =>
    invalid(
      'INVALID_DATATYPE',
      `inference input ${shownInput(input)} data-type is '${input.datatype}', but model ${shownModel(spec)} expects '${wanted.datatype}'`,
    ),
  shape: (spec: ModelSpec, wanted: TensorSpec, input: Tensor) => {
    const expected = spec.maxBatchSize > 0 ? [-1, ...wanted.dims] : wanted.dims;
    return invalid(
      'INVALID_SHAPE',
      `unexpected shape for input ${shownInput(input)} for model ${shownModel(spec)}. Expected ${shownShape(expected)}, got ${shownShape(input.shape)}.`,
    );
  },
  noBatchDimension: (spec: ModelSpec, input: Tensor) =>
    invalid(
      'INVALID_SHAPE',
      `input ${shownInput(input)} has no shape but model requires batch dimension for ${shownModel(spec)}`,
    ),
  noRows: (spec: ModelSpec) =>
    invalid('BATCH_EMPTY', `inference request batch-size must be >= 1 for ${shownModel(spec)}`),
  tooManyRows: (spec: ModelSpec) =>
    invalid(
      'BATCH_TOO_LARGE',
      `inference request batch-size must be <= ${spec.maxBatchSize} for ${shownModel(spec)}`,
    ),
  batchMismatch: (spec: ModelSpec, name: string) =>
    invalid(
      'BATCH_MISMATCH',
      `input '${printable(name)}' batch size does not match other inputs for ${shownModel(spec)}`,
    ),
  elementOverflow: (spec: ModelSpec, input: Tensor, limit: number) =>
    invalid(
      'SIZE_OVERFLOW',
      `shape ${shownShape(input.shape)} of input ${shownInput(input)} for model ${shownModel(spec)} causes total element count to exceed maximum size of ${limit}`,
    ),
  byteOverflow: (spec: ModelSpec, input: Tensor) =>
    invalid(
      'SIZE_OVERFLOW',
      `byte size overflow for input ${shownInput(input)} for model ${shownModel(spec)}`,
    ),

  byteSize: (spec: ModelSpec, input: Tensor, expectedBytes: number) =>
    invalid(
      'WRONG_SIZE',
      `input byte size mismatch for input ${shownInput(input)} for model ${shownModel(spec)}. Expected ${expectedBytes}, got ${input.data.byteLength}`,
    ),
  boolean: (spec: ModelSpec, input: Tensor) =>
    invalid(
      'INVALID_ELEMENT',
      `input ${shownInput(input)} for model ${shownModel(spec)} has a BOOL element that is neither 0 nor 1`,
    ),
  elementLength: (spec: ModelSpec, input: Tensor, availableBytes: number) =>
    invalid(
      'INVALID_ELEMENT',
      `incomplete string length indicator for inference input ${shownInput(input)} for model ${shownModel(spec)}, expecting 4 bytes but only ${availableBytes} bytes available`,
    ),
  elementData: (
    spec: ModelSpec,
    input: Tensor,
    { length, available }: { readonly length: number; readonly available: number },
  ) =>
    invalid(
      'INVALID_ELEMENT',
      `incomplete string data for inference input ${shownInput(input)} for model ${shownModel(spec)}, expecting string of length ${length} but only ${available} bytes available`,
    ),
  elementText: (
    spec: ModelSpec,
    input: Tensor,
    { index, problem }: { readonly index: number; readonly problem: string },
  ) =>
    invalid(
      'INVALID_ELEMENT',
      `element ${index} of BYTES input ${shownInput(input)} for model ${shownModel(spec)} ${problem}`,
    ),
  tooManyElements: (spec: ModelSpec, input: Tensor, expected: number) =>
    invalid(
      'WRONG_SIZE',
      `unexpected number of string elements ${expected + 1} for inference input ${shownInput(input)} for model ${shownModel(spec)}, expecting ${expected}`,
    ),
  tooFewElements: (
    spec: ModelSpec,
    input: Tensor,
    { expected, got }: { readonly expected: number; readonly got: number },
  ) =>
    invalid(
      'WRONG_SIZE',
      `expected ${expected} string elements for inference input ${shownInput(input)} for model ${shownModel(spec)}, got ${got}`,
    ),

  reservedParameter: (name: string) =>
    invalid(
      'RESERVED_PARAMETER',
      `parameter keys starting with 'triton_' are reserved, got '${printable(name)}'`,
    ),
  parameter: (name: string, expected: string) =>
    invalid('INVALID_PARAMETER', `invalid value for parameter '${name}', expected ${expected}`),
  classification: (output: string) =>
    invalid(
      'INVALID_PARAMETER',
      `invalid value for parameter 'classification' of output '${printable(output)}', expected an int64_param > 0`,
    ),
  unclassifiable: (output: string, datatype: Datatype) =>
    invalid(
      'CLASSIFICATION_UNSUPPORTED',
      `class result not available for output '${printable(output)}' due to unsupported type '${datatype}'`,
    ),
} as const;
