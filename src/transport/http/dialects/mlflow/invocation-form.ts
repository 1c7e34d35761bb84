import { ServingError } from '../../../../errors.ts';
import { JsonReader } from '../../json-reader.ts';

/** Forms of a body, by the one key of them that it has. */
const forms = ['dataframe_split', 'dataframe_records', 'instances', 'inputs'] as const;

export type InvocationForm = (typeof forms)[number];

/** Which form a body has, and where its value begins. */
export interface FoundInvocation {
  readonly form: InvocationForm;
  readonly position: number;
}

/** @throws invalid_argument for a body of none of the forms, or of several. */
export function findInvocationForm({ bytes }: { readonly bytes: Buffer }): FoundInvocation {
  const reader = new JsonReader(bytes);
  const found: FoundInvocation[] = [];
  reader.beginObject();
  for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
    reader.peek();
    const form = forms.find((candidate) => candidate === key);
    if (form !== undefined) found.push({ form, position: reader.position });
    reader.skip();
  }
  reader.finish();
  const [only, more] = found;
  if (only !== undefined && more === undefined) return only;
  throw new ServingError(
    'invalid_argument',
    `The input must be a JSON dictionary with exactly one of the input fields ${forms.map((form) => `'${form}'`).join(', ')}.`,
    { reason: 'MALFORMED_MESSAGE' },
  );
}
