import { ServingError } from '../../../../errors.ts';
import { printable } from '../../../../util/printable.ts';

function invalid(reason: string, message: string): ServingError {
  return new ServingError('invalid_argument', message, { reason });
}

function shown(name: string): string {
  return `'${printable(name)}'`;
}

/** What is wrong with a body of KServe v1 or TensorFlow Serving, or with a model that is asked so. */
export const refuseV1 = {
  twoForms: () => invalid('MALFORMED_MESSAGE', "Request has more than one of 'instances' and 'inputs'"),
  noForm: () => invalid('MALFORMED_MESSAGE', "Missing 'inputs' or 'instances' key"),
  noList: (field: string) => invalid('MALFORMED_MESSAGE', `Expecting '${field}' to be a list`),
  noRows: (field: string) => invalid('MISSING_DATA', `'${field}' is an empty list`),
  mixedRows: (field: string) =>
    invalid('MALFORMED_MESSAGE', `'${field}' must hold objects only, once its first entry is an object`),
  unnamed: (field: string, inputs: number) =>
    invalid('WRONG_INPUTS', `'${field}' must name its tensors, as the model has ${inputs} inputs, not one`),
  unknownInput: (name: string) => invalid('UNEXPECTED_TENSOR', `the model has no input ${shown(name)}`),
  repeated: (name: string) => invalid('DUPLICATE_TENSOR', `input ${shown(name)} already exists in request`),
  unevenRows: (name: string) =>
    invalid('MISSING_DATA', `input ${shown(name)} must be in every row, and once in each`),
  unevenShapes: (name: string) =>
    invalid('INVALID_SHAPE', `input ${shown(name)} must have the same shape in every row`),
  noRowOutput: (name: string) =>
    invalid(
      'FORM_UNSUPPORTED',
      `output ${shown(name)} does not have a row for each prediction; ask with 'inputs' instead of 'instances'`,
    ),
  nestedFeature: (name: string) =>
    invalid('INVALID_SHAPE', `feature ${shown(name)} must be a value or a flat list`),
  noScores: (model: string) =>
    invalid(
      'FORM_UNSUPPORTED',
      `model ${shown(model)} has more or less than one output of floats, and none is called scores or probabilities; use :predict`,
    ),
  noValues: (output: string, rows: number) =>
    invalid(
      'FORM_UNSUPPORTED',
      `output ${shown(output)} is not one value for each of ${rows} examples; use :predict`,
    ),
  classesShape: () =>
    invalid(
      'FORM_UNSUPPORTED',
      "outputs of scores and 'classes' do not have the same number of elements; use :predict",
    ),
} as const;
