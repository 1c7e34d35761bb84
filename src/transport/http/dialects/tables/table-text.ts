import type { InferResponse } from '../../../../inference/response.ts';
import { elementCount, type Tensor } from '../../../../inference/tensor.ts';
import { rowTexts } from '../nested/nested-text.ts';

/**
 * The values of each row by output, as JSON: a bare one where it is one element, else lists of the row's shape.
 *
 * @param batched whether outputs have a dimension of rows; otherwise each response is one row.
 */
export function columnTexts(
  responses: readonly InferResponse[],
  batched: boolean,
): ReadonlyMap<string, readonly string[]> {
  const columns = new Map<string, string[]>();
  for (const { outputs } of responses) {
    for (const tensor of outputs) {
      const column = columns.get(tensor.name) ?? [];
      columns.set(tensor.name, column);
      for (const text of rowTexts(asRows(tensor, batched))) column.push(text.toString());
    }
  }
  return columns;
}

/** `[{"output": value, ...}, ...]`, an object for each row. */
export function recordsText(columns: ReadonlyMap<string, readonly string[]>): string {
  const names = Array.from(columns.keys(), (name) => `${JSON.stringify(name)}:`);
  const values = [...columns.values()];
  const rows = values[0]?.map(
    (_, row) => `{${names.map((name, index) => name + (values[index]?.[row] ?? 'null')).join(',')}}`,
  );
  return `[${rows?.join(',') ?? ''}]`;
}

function asRows(tensor: Tensor, batched: boolean): Tensor {
  const rows = batched ? (tensor.shape[0] ?? 1) : 1;
  if (elementCount(tensor.shape) === rows) return { ...tensor, shape: [rows] };
  return batched ? tensor : { ...tensor, shape: [1, ...tensor.shape] };
}

/** A line for each row, its values one after the other: lists are spread, texts quoted. */
export function csvText(columns: ReadonlyMap<string, readonly string[]>): string {
  const values = [...columns.values()];
  const lines = values[0]?.map((_, row) => values.flatMap((column) => fieldsOf(column[row] ?? '')).join(','));
  return lines === undefined ? '' : `${lines.join('\n')}\n`;
}

/** Of one value as JSON, which may be NaN. */
function fieldsOf(text: string): readonly string[] {
  if (!text.includes('"')) return [text.replace(/[[\]]/g, '')];
  const value: unknown = JSON.parse(text);
  const fields: readonly unknown[] = Array.isArray(value) ? value.flat(Infinity) : [value];
  return fields.map((field) => `"${textOf(field).replaceAll('"', '""')}"`);
}

/** Of bytes that are no text, their base64. */
function textOf(field: unknown): string {
  if (typeof field === 'string') return field;
  return typeof field === 'object' && field !== null && 'b64' in field ? String(field.b64) : '';
}
