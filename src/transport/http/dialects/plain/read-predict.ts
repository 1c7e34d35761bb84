import type { ModelCatalog } from '../../../../inference/catalog.ts';
import type { InferRequest } from '../../../../inference/request.ts';
import type { PathNames } from '../../http-call.ts';
import { char, JsonReader } from '../../json-reader.ts';
import { refuse } from '../../refuse.ts';
import { defaultModel } from '../default-model.ts';
import { FeatureRows } from './feature-rows.ts';
import { plainModel, type PlainModel } from './plain-model.ts';
import { refusePlain } from './refuse-plain.ts';

/** More rows than these are no request that somebody waits for. */
export const maxRows = 4096;

/** One row, or a list of rows. */
export type PredictForm = 'single' | 'batch';

export interface PredictBody {
  readonly catalog: ModelCatalog;
  /** Meant where neither path nor body name one; '' for the only one that is ready. */
  readonly defaultModel: string;
  readonly path: PathNames;
  readonly bytes: Buffer;
  readonly form: PredictForm;
  /** What the tensors may take. */
  readonly maxBytes: number;
}

export interface PredictRequest {
  readonly model: PlainModel;
  readonly form: PredictForm;
  /** As sent; '' when absent. */
  readonly id: string;
  /** The version as asked for; '' for the newest. */
  readonly version: string;
  /** Of as many rows as the model takes at a time, in order. */
  readonly requests: readonly InferRequest[];
}

/** @throws invalid_argument, and what the catalog throws for models that are not there. */
export function readPredict(body: PredictBody): PredictRequest {
  const { catalog, bytes, form, maxBytes } = body;
  const { name, version } = namedModel(body);
  const model = plainModel(catalog, name, version);
  const reader = new JsonReader(bytes);
  const rows = new FeatureRows(model, reader, { form, maxBytes });
  let id = '';
  let found = false;
  reader.beginObject();
  for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
    if (key === 'features' && !found) {
      found = true;
      if (form === 'single') rows.read();
      else readBatch(reader, rows);
    } else if (key === 'id') id = readText(reader, key);
    else if (body.path.model !== '' || (key !== 'model' && key !== 'version')) {
      throw refusePlain.field(key, knownFields(body));
    } else reader.value();
  }
  reader.finish();
  if (!found) throw refusePlain.missing();
  return { model, form, id, version, requests: rows.requests({ model: name, version, id }, 'prediction') };
}

function readBatch(reader: JsonReader, rows: FeatureRows): void {
  if (reader.peek() !== char.openBracket) throw refuse.field('features', 'a list of rows');
  reader.beginArray();
  while (reader.nextElement()) {
    if (rows.rows >= maxRows) throw refusePlain.rows(maxRows);
    rows.read();
  }
  if (rows.rows === 0) throw refusePlain.noRows();
}

function knownFields({ path }: PredictBody): readonly string[] {
  return path.model === '' ? ['features', 'id', 'model', 'version'] : ['features', 'id'];
}

/** Which model and version are asked; the body may say so where the path does not. */
function namedModel({ catalog, defaultModel: configured, path, bytes }: PredictBody): {
  readonly name: string;
  readonly version: string;
} {
  if (path.model !== '') return { name: path.model, version: path.version };
  const reader = new JsonReader(bytes);
  let name = '';
  let version = '';
  reader.beginObject();
  for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
    if (key === 'model') name = readText(reader, key);
    else if (key === 'version') version = readText(reader, key);
    else {
      reader.peek();
      reader.skip();
    }
  }
  return { name: name === '' ? defaultModel(catalog, configured) : name, version };
}

function readText(reader: JsonReader, field: string): string {
  if (reader.peek() !== char.quote) throw refuse.field(field, 'a text');
  return reader.string();
}
