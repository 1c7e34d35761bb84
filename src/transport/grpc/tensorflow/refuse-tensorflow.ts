import { ServingError } from '../../../errors.ts';
import { printable } from '../../../util/printable.ts';

function invalid(reason: string, message: string): ServingError {
  return new ServingError('invalid_argument', message, { reason });
}

function shown(name: string): string {
  return `'${printable(name)}'`;
}

/** What is wrong with a message of TensorFlow Serving. */
export const refuseTensorflow = {
  noModel: () => invalid('MISSING_NAME', 'Missing ModelSpec'),
  version: () => invalid('MODEL_VERSION', "model_spec's version must be 0 or more"),
  tooMany: (what: string, limit: number) => invalid('TOO_MANY_TENSORS', `more than ${limit} ${what}`),
  dataType: (input: string, number: number) =>
    invalid(
      'INVALID_DATATYPE',
      `input ${shown(input)} has the data type ${number}, which no ONNX model takes`,
    ),
  unknownRank: (input: string) =>
    invalid('INVALID_SHAPE', `input ${shown(input)} has a shape of unknown rank`),
  dimension: (input: string) =>
    invalid('INVALID_SHAPE', `a dimension of input ${shown(input)} is out of range`),
  dimensions: (input: string, limit: number) =>
    invalid('INVALID_SHAPE', `shape of input ${shown(input)} has more than ${limit} dimensions`),
  mixed: (input: string) =>
    invalid(
      'MIXED_CONTENTS',
      `input ${shown(input)} has values in more than one field, or not in that of its data type`,
    ),
  stringContent: (input: string) =>
    invalid('INVALID_CONTENTS', `input ${shown(input)} of DT_STRING must use string_val, not tensor_content`),
  outOfRange: (input: string, value: number) =>
    invalid('INVALID_CONTENTS', `${value} is out of range for the data type of input ${shown(input)}`),
  noValues: (input: string) => invalid('MISSING_DATA', `input ${shown(input)} has no values`),
  tooManyValues: (input: string, values: number, expected: number) =>
    invalid('WRONG_SIZE', `input ${shown(input)} has ${values} values for a shape of ${expected} elements`),
  tooLarge: (input: string, maxBytes: number) =>
    new ServingError(
      'resource_exhausted',
      `values of input ${shown(input)} take more than the maximum allowed of ${maxBytes} bytes (--grpc-max-message-bytes)`,
      { reason: 'MESSAGE_TOO_LARGE' },
    ),
  repeatedTooOften: (input: string, maxBytes: number) =>
    invalid(
      'WRONG_SIZE',
      `input ${shown(input)} has fewer values than its shape has elements; the last may stand for the rest up to ${maxBytes} bytes only`,
    ),
  metadataField: (name: string) =>
    invalid('INVALID_PARAMETER', `Metadata field ${shown(name)} is not supported; 'signature_def' is`),
  noMetadataField: () => invalid('INVALID_PARAMETER', "metadata_field must name 'signature_def'"),
} as const;
