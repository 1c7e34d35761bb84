import { ServingError } from '../../../../errors.ts';
import { printable } from '../../../../util/printable.ts';

function invalid(reason: string, message: string): ServingError {
  return new ServingError('invalid_argument', message, { reason });
}

function shown(name: string): string {
  return `'${printable(name)}'`;
}

/** What is wrong with a request for a plain prediction, other than its features. */
export const refusePlain = {
  field: (name: string, known: readonly string[]) =>
    invalid(
      'MALFORMED_MESSAGE',
      `the request has an unknown field ${shown(name)}; there are ${known.join(', ')}`,
    ),
  missing: () => invalid('MISSING_DATA', "the request has no 'features'"),
  noRows: () => invalid('MISSING_DATA', "'features' is an empty list of rows"),
  values: (limit: number) =>
    invalid('BATCH_TOO_LARGE', `an input has more than ${limit} values; send it as a tensor of the protocol`),
  rows: (limit: number) => invalid('BATCH_TOO_LARGE', `'features' has more than ${limit} rows`),
  unnamed: (inputs: readonly string[]) =>
    invalid(
      'WRONG_INPUTS',
      `'features' must be an object, as the model has ${inputs.length} inputs: ${inputs.map(shown).join(', ')}`,
    ),
} as const;
