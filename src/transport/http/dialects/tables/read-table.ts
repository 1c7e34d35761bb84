import type { ModelCatalog } from '../../../../inference/catalog.ts';
import type { InferRequest } from '../../../../inference/request.ts';
import { char, JsonReader } from '../../json-reader.ts';
import { refuse } from '../../refuse.ts';
import { FeatureRows } from '../plain/feature-rows.ts';
import { plainModel, type PlainModel } from '../plain/plain-model.ts';
import { readCsv } from './read-csv.ts';
import { maxColumns, refuseTable } from './refuse-table.ts';
import { tableModel } from './table-model.ts';

/** More rows than these are no request that somebody waits for. */
const maxRows = 65_536;

export interface TableBody {
  readonly catalog: ModelCatalog;
  readonly model: string;
  readonly version: string;
  readonly bytes: Buffer;
  /** What the tensors may take. */
  readonly maxBytes: number;
}

/** Rows of a table as requests. */
export interface TableRequest {
  readonly model: PlainModel;
  /** Of as many rows as the model takes at a time, in order. */
  readonly requests: readonly InferRequest[];
}

/** How a table is written: as JSON somewhere in a body, or as CSV, with the names of its columns in the first line or not. */
export type TableForm =
  | { readonly form: 'split' | 'records'; readonly position: number }
  | { readonly form: 'named' | 'unnamed' };

export type AskedTable = Omit<TableBody, 'catalog'> & TableForm;

/** A table of any form. @throws invalid_argument, and what the catalog throws. */
export function readTable(asked: AskedTable, catalog: ModelCatalog): TableRequest {
  const body = { ...asked, catalog };
  if (asked.form === 'split') return readSplit(body, asked.position);
  if (asked.form === 'records') return readRecords(body, asked.position);
  return readCsvTable(body, asked.form);
}

/**
 * A data frame as pandas writes it with `orient="split"`: `{"columns": [...], "data": [[...], ...]}`.
 *
 * @param position where the frame stands in the body, which holds nothing but JSON.
 * @throws invalid_argument
 */
export function readSplit(body: TableBody, position: number): TableRequest {
  const reader = new JsonReader(body.bytes, position);
  let columns: readonly string[] | undefined;
  let data = -1;
  if (reader.peek() !== char.openBrace) throw refuseTable.noData('dataframe_split');
  reader.beginObject();
  for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
    if (key === 'columns') columns = readNames(reader);
    else {
      reader.peek();
      if (key === 'data') data = reader.position;
      reader.skip();
    }
  }
  if (data < 0) throw refuseTable.noData('dataframe_split');
  const rows = new JsonReader(body.bytes, data);
  return readRows(body, rows, columns ?? positions(rows));
}

/** A data frame as pandas writes it with `orient="records"`: `[{"a": 1, "b": 2}, ...]`. @throws as `readSplit` */
export function readRecords(body: TableBody, position: number): TableRequest {
  const first = new JsonReader(body.bytes, position);
  const columns: string[] = [];
  if (first.peek() !== char.openBracket) throw refuse.field('dataframe_records', 'a list of objects');
  first.beginArray();
  if (first.nextElement()) {
    first.beginObject();
    for (let key = first.nextKey(); key !== undefined; key = first.nextKey()) {
      addColumn(columns, key);
      first.peek();
      first.skip();
    }
  }
  return readRows(body, new JsonReader(body.bytes, position), columns);
}

/** @param head whether the first line names the columns. @throws as `readSplit` */
export function readCsvTable(body: TableBody, head: 'named' | 'unnamed'): TableRequest {
  const lines = readCsv(body.bytes.toString(), maxRows);
  const [first = []] = lines;
  const columns = head === 'named' ? first : first.map((_, index) => String(index));
  const model = modelOf(body);
  const { features } = tableModel(model, columns).model;
  const byName = new Map(features.map((feature) => [feature.name, feature.type]));
  const inputs = new Map(model.inputs.map((input) => [input.name, input.any.type]));
  const types = columns.map((name, index) => byName.get(name) ?? features[index]?.type ?? inputs.get(name));
  const rows = (head === 'named' ? lines.slice(1) : lines).map(
    (line) => `[${line.map((field, index) => valueText(field, types[index] === 'text')).join(',')}]`,
  );
  const bytes = Buffer.from(`[${rows.join(',')}]`);
  return readRows({ ...body, bytes }, new JsonReader(bytes), columns);
}

const numberForm = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?$/;
const words: ReadonlyMap<string, string> = new Map([
  ['', 'null'],
  ['nan', 'NaN'],
  ['inf', 'Infinity'],
  ['-inf', '-Infinity'],
  ['true', 'true'],
  ['false', 'false'],
]);

/** A field of CSV as JSON. */
function valueText(field: string, isText: boolean): string {
  if (isText) return JSON.stringify(field);
  const bare = field.trim();
  if (numberForm.test(bare)) return bare;
  const word = words.get(bare.toLowerCase());
  if (word !== undefined) return word;
  // Such as 1. and .5, which JSON does not write.
  const value = bare === '' ? NaN : Number(bare);
  return Number.isFinite(value) && /^[-+.\deE]+$/.test(bare) ? String(value) : JSON.stringify(field);
}

function modelOf({ catalog, model, version }: TableBody): PlainModel {
  return plainModel(catalog, model, version, 'allow');
}

function readRows(body: TableBody, reader: JsonReader, names: readonly string[]): TableRequest {
  const { model, columns } = tableModel(modelOf(body), names);
  const rows = new FeatureRows(model, reader, {
    form: 'batch',
    maxBytes: body.maxBytes,
    columns,
    others: 'ignore',
  });
  if (reader.peek() !== char.openBracket) throw refuse.field('data', 'a list of rows');
  reader.beginArray();
  while (reader.nextElement()) {
    if (rows.rows >= maxRows) throw refuseTable.lines(maxRows);
    rows.read();
  }
  if (rows.rows === 0) throw refuseTable.empty();
  const asked = { model: body.model, version: body.version, id: '' };
  return { model, requests: rows.requests(asked, 'all') };
}

/** Names, or numbers, as data frames without names have them. */
function readNames(reader: JsonReader): readonly string[] {
  if (reader.peek() !== char.openBracket) throw refuse.field('columns', 'a list of names');
  const names: string[] = [];
  reader.beginArray();
  while (reader.nextElement()) {
    const name = reader.value();
    if (typeof name !== 'string' && typeof name !== 'number')
      throw refuse.field('columns', 'a list of names');
    addColumn(names, String(name));
  }
  return names;
}

/** Names of columns that have none; the reader stays where it is. */
function positions({ bytes, position }: JsonReader): readonly string[] {
  const ahead = new JsonReader(bytes, position);
  const names: string[] = [];
  if (ahead.peek() !== char.openBracket) return names;
  ahead.beginArray();
  if (!ahead.nextElement() || ahead.peek() !== char.openBracket) return names;
  ahead.beginArray();
  while (ahead.nextElement()) {
    ahead.peek();
    ahead.skip();
    addColumn(names, String(names.length));
  }
  return names;
}

function addColumn(columns: string[], name: string): void {
  if (columns.length >= maxColumns) throw refuseTable.columns();
  columns.push(name);
}
