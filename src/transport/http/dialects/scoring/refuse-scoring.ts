import { ServingError } from '../../../../errors.ts';

function invalid(reason: string, message: string): ServingError {
  return new ServingError('invalid_argument', message, { reason });
}

/** What is wrong with a body that may have one of several forms. */
export const refuseScoring = {
  form: () =>
    invalid(
      'MALFORMED_MESSAGE',
      "the body must be an object with exactly one of 'features', 'instances', 'inputs', 'dataframe_split' and 'dataframe_records'",
    ),
  headerSize: () =>
    invalid('INVALID_HEADER', "'json-header-size' of the content type must be the bytes of JSON in the body"),
} as const;
