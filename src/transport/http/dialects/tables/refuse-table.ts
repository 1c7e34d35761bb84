import { ServingError } from '../../../../errors.ts';

function invalid(reason: string, message: string): ServingError {
  return new ServingError('invalid_argument', message, { reason });
}

/** Wider tables are no rows of features. */
export const maxColumns = 65_536;

/** What is wrong with a table. */
export const refuseTable = {
  quote: () =>
    invalid('MALFORMED_MESSAGE', 'the CSV has a quote that does not end, or goes on behind its end'),
  uneven: (line: number, width: number, got: number) =>
    invalid(
      'MALFORMED_MESSAGE',
      `line ${line + 1} of the CSV has ${got} fields, not ${width} like the first`,
    ),
  lines: (limit: number) => invalid('BATCH_TOO_LARGE', `the table has more than ${limit} rows`),
  fields: (limit: number) => invalid('BATCH_TOO_LARGE', `the table has more than ${limit} fields`),
  columns: () => invalid('MALFORMED_MESSAGE', `the table has more than ${maxColumns} columns`),
  empty: () => invalid('MISSING_DATA', 'the table has no rows'),
  noData: (field: string) => invalid('MISSING_DATA', `'${field}' must be an object with 'data'`),
} as const;
