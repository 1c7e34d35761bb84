import { ServingError } from '../../../../errors.ts';
import { printable } from '../../../../util/printable.ts';

function invalid(reason: string, message: string): ServingError {
  return new ServingError('invalid_argument', message, { reason });
}

function shown(name: string): string {
  return `'${printable(name)}'`;
}

/** What is wrong with a request of TorchServe's. */
export const refuseTorchserve = {
  form: (what: string) => invalid('MALFORMED_MESSAGE', `the body is no multipart form: ${what}`),
  version: (model: string, version: string) =>
    new ServingError(
      'not_found',
      `Model version: ${printable(version)} does not exist for model: ${printable(model)}`,
      {
        reason: 'MODEL_NOT_FOUND',
      },
    ),
  noModel: (model: string) =>
    new ServingError('not_found', `Model not found: ${printable(model)}`, { reason: 'MODEL_NOT_FOUND' }),
  explanations: (model: string) =>
    new ServingError('unimplemented', `model ${shown(model)} has no explanations`, {
      reason: 'EXPLANATIONS_UNSUPPORTED',
    }),
  unnamed: (inputs: number) =>
    invalid(
      'WRONG_INPUTS',
      `the model has ${inputs} inputs, not one; send an object, or a form, with a value for each`,
    ),
  unknownInput: (name: string) => invalid('UNEXPECTED_TENSOR', `the model has no input ${shown(name)}`),
  repeated: (name: string) => invalid('DUPLICATE_TENSOR', `input ${shown(name)} already exists in request`),
  noRow: (output: string) =>
    invalid(
      'FORM_UNSUPPORTED',
      `output ${shown(output)} is not one row, which is what this request asks for`,
    ),
  parameter: (name: string, expected: string) =>
    invalid('INVALID_PARAMETER', `invalid value for parameter ${shown(name)}, expected ${expected}`),
  unknownParameter: (name: string, known: string) =>
    invalid(
      'INVALID_PARAMETER',
      `parameter ${shown(name)} is not supported; ${known} are. The model's configuration says the rest`,
    ),
  url: () =>
    invalid(
      'INVALID_PARAMETER',
      "'url' must be the name of a model in the server's repository, and 'model_name' the same",
    ),
  registered: (model: string) =>
    new ServingError('already_exists', `Model ${printable(model)} is already registered.`, {
      reason: 'MODEL_LOADED',
    }),
  severalVersions: (model: string) =>
    invalid(
      'INVALID_PARAMETER',
      `model ${shown(model)} has other versions too, and they are unregistered together: leave the version out`,
    ),
  noInstances: (model: string) =>
    invalid(
      'INVALID_PARAMETER',
      `model ${shown(model)} does not have one instance_group, whose count could be changed`,
    ),
} as const;
