import { char, JsonReader } from '../../json-reader.ts';
import { refuseScoring } from './refuse-scoring.ts';

/** What a body of JSON asks in, by the key that tells it. */
export type ScoringForm =
  | 'protocol'
  | 'rows'
  | 'columns'
  | 'prediction'
  | 'predictions'
  | 'split'
  | 'records';

export interface FoundForm {
  readonly form: ScoringForm;
  /** Where the value of the key begins. */
  readonly position: number;
}

/** @throws invalid_argument for a body of no form that is known, or of several. */
export function findScoringForm(bytes: Buffer): FoundForm {
  const reader = new JsonReader(bytes);
  const found: FoundForm[] = [];
  reader.beginObject();
  for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
    reader.peek();
    const form = formOf(key, reader);
    if (form !== undefined) found.push({ form, position: reader.position });
    reader.skip();
  }
  reader.finish();
  const [only, more] = found;
  if (only === undefined || more !== undefined) throw refuseScoring.form();
  return only;
}

function formOf(key: string, reader: JsonReader): ScoringForm | undefined {
  switch (key) {
    case 'instances':
      return 'rows';
    case 'inputs':
      return isProtocol(reader) ? 'protocol' : 'columns';
    case 'features':
      return isListOfRows(reader) ? 'predictions' : 'prediction';
    case 'dataframe_split':
      return 'split';
    case 'dataframe_records':
      return 'records';
    default:
      return undefined;
  }
}

/** A list whose first entry is a list or an object. */
function isListOfRows({ bytes, position }: JsonReader): boolean {
  const ahead = new JsonReader(bytes, position);
  if (ahead.peek() !== char.openBracket) return false;
  ahead.position++;
  const first = ahead.peek();
  return first === char.openBracket || first === char.openBrace;
}

/** A list of objects with a `datatype` each: tensors of the Open Inference Protocol. */
function isProtocol({ bytes, position }: JsonReader): boolean {
  const ahead = new JsonReader(bytes, position);
  if (ahead.peek() !== char.openBracket) return false;
  ahead.beginArray();
  if (!ahead.nextElement() || ahead.peek() !== char.openBrace) return false;
  ahead.beginObject();
  for (let key = ahead.nextKey(); key !== undefined; key = ahead.nextKey()) {
    if (key === 'datatype') return true;
    ahead.peek();
    ahead.skip();
  }
  return false;
}
