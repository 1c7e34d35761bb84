import { ServingError } from '../../errors.ts';
import { printable } from '../../util/printable.ts';

function invalid(reason: string, message: string, cause?: unknown): ServingError {
  return new ServingError('invalid_argument', message, { reason, cause });
}

function shown(name: string): string {
  return `'${printable(name)}'`;
}

/** The refusals of this front, with Triton's texts where clients match them. What Triton answers with 500 is a 400 here. */
export const refuse = {
  json: (what: string, position: number) =>
    invalid('MALFORMED_MESSAGE', `failed to parse the request JSON buffer: ${what} at ${position}`),
  nesting: (limit: number) =>
    invalid('MALFORMED_MESSAGE', `JSON nesting depth exceeds maximum allowed limit (${limit})`),
  values: (limit: number) =>
    invalid(
      'MALFORMED_MESSAGE',
      `lists and objects that are no data of a tensor hold more than ${limit} values`,
    ),
  field: (name: string, expected: string) =>
    invalid('MALFORMED_MESSAGE', `Unable to parse '${printable(name)}': expected ${expected}`),
  encoding: (encoding: string, cause: unknown) =>
    invalid('MALFORMED_MESSAGE', `the request's body is not valid ${encoding}`, cause),
  path: () => invalid('MALFORMED_MESSAGE', 'the path holds a percent sign that encodes nothing'),

  header: (name: string, expected: string) =>
    invalid('INVALID_HEADER', `header '${name}' must be ${expected}`),
  tooLarge: (limitBytes: number, sizeBytes?: number) =>
    invalid(
      'BODY_TOO_LARGE',
      `${sizeBytes === undefined ? 'request' : `request of ${sizeBytes} bytes`} exceeds the maximum allowed input size of ${limitBytes} bytes (--http-max-input-size)`,
    ),
  chunks: (limit: number) =>
    invalid('BODY_TOO_LARGE', `request of more than ${limit} chunks exceeds the maximum allowed`),

  shapeElement: () =>
    invalid(
      'INVALID_SHAPE',
      "Unable to parse 'shape': attempt to access JSON non-unsigned-integer as unsigned-integer",
    ),
  dimension: (dimension: bigint | number) =>
    invalid('INVALID_SHAPE', `dimension ${dimension} of an input's shape is out of range`),
  dimensions: (limit: number) =>
    invalid('INVALID_SHAPE', `shape of an input has more than ${limit} dimensions`),
  ragged: (input: string) =>
    invalid('INVALID_SHAPE', `lists of input ${shown(input)} differ in their size or depth`),
  emptyLists: (output: string) =>
    invalid('INVALID_CONTENTS', `output ${shown(output)} is too many empty lists to be sent as JSON`),
  datatype: (input: string, datatype: string) =>
    invalid(
      'INVALID_DATATYPE',
      `inference input ${shown(input)} data-type is ${shown(datatype)}, which is not a data-type of the protocol`,
    ),
  half: (datatype: string, input: string) =>
    invalid(
      'INVALID_CONTENTS',
      `receiving ${datatype} data via JSON is not supported. Please use the binary data format for input ${shown(input)}`,
    ),
  halfOutput: (datatype: string, output: string) =>
    invalid(
      'INVALID_CONTENTS',
      `sending ${datatype} data via JSON is not supported. Please use the binary data format for output ${shown(output)}`,
    ),
  notText: (output: string) =>
    invalid(
      'INVALID_CONTENTS',
      `output ${shown(output)} has elements that are no UTF-8 and cannot be sent as JSON. Please use the binary data format for it`,
    ),
  element: (input: string, expected: string) =>
    invalid('INVALID_CONTENTS', `Unable to parse 'data' of input ${shown(input)}: expected ${expected}`),
  outOfRange: (input: string, datatype: string, text: string) =>
    invalid(
      'INVALID_CONTENTS',
      `Unable to parse 'data' of input ${shown(input)}: ${printable(text, 32)} is out of range for ${datatype}`,
    ),
  elementCount: (input: string, expected: number) =>
    invalid(
      'WRONG_SIZE',
      `Unable to parse 'data': shape does not match true shape of 'data' field of input ${shown(input)}, expected ${expected} elements`,
    ),
  multiple: (input: string, step: number) =>
    invalid(
      'WRONG_SIZE',
      `Unable to parse 'data': input ${shown(input)} takes a multiple of ${step} elements`,
    ),
  oneSource: (input: string, got: string) =>
    invalid(
      'MISSING_DATA',
      `Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters', 'shared_memory_region' in 'parameters'. But got ${got} for input ${shown(input)}`,
    ),
  binaryEvents: () =>
    invalid('INVALID_PARAMETER', 'events are JSON: infer_stream gives no output as binary data'),
  binaryPlace: () =>
    invalid('INVALID_PARAMETER', "Output can't set both 'shared_memory_region' and 'binary_data'"),
  missingBinary: (input: string, wantedBytes: number, leftBytes: number) =>
    invalid(
      'MISSING_DATA',
      `'binary_data_size' of input ${shown(input)} is ${wantedBytes}, but only ${leftBytes} bytes of binary data are left in the request`,
    ),
  additional: (model: string, leftBytes: number) =>
    invalid(
      'ADDITIONAL_DATA',
      `unexpected additional input data for model ${shown(model)}: ${leftBytes} bytes behind the last input`,
    ),
  tooMany: (what: string, limit: number) =>
    invalid(what === 'parameters' ? 'TOO_MANY_PARAMETERS' : 'TOO_MANY_TENSORS', `more than ${limit} ${what}`),
  parameter: (name: string, expected: string) =>
    invalid('INVALID_PARAMETER', `invalid value for parameter ${shown(name)}, expected ${expected}`),
  raw: (model: string, why: string) =>
    invalid('WRONG_INPUTS', `raw binary request to model ${shown(model)} is not possible: ${why}`),
} as const;
