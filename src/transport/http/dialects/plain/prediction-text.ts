import type { InferResponse } from '../../../../inference/response.ts';
import { elementCount, type Tensor } from '../../../../inference/tensor.ts';
import { rowTexts } from '../nested/nested-text.ts';
import { scoreTexts } from './score-texts.ts';
import type { PredictionPlan } from '../../../../inference/plan-prediction.ts';

export interface ShownResponse {
  readonly response: InferResponse;
  readonly plan: PredictionPlan;
  /** Whether outputs have a dimension of rows; otherwise they are one row. */
  readonly batched: boolean;
}

/** What JSON.parse of browsers does not take. */
const nonFinite = /-?(?:NaN|Infinity)/g;

/**
 * `"prediction": ..., "probabilities": ..., "confidence": ...` for each row. Numbers that JSON has no word for are null.
 *
 * @throws invalid_argument for outputs that JSON cannot carry.
 */
export function predictionTexts({ response, plan, batched }: ShownResponse): readonly string[] {
  const { outputs } = response;
  const scores = outputs.find(({ name }) => name === plan.scores);
  const predicted = outputs.find(({ name }) => name === plan.prediction);
  if (scores !== undefined) {
    const labels = predicted === undefined ? undefined : rowValues(predicted, batched);
    return scoreRows(scores, batched).map((row, index) => scoreTexts(row, plan, labels?.[index]));
  }
  const wanted = predicted === undefined ? outputs : [predicted];
  const columns = wanted.map((tensor) => rowValues(tensor, batched));
  const rows = columns[0]?.length ?? 0;
  return Array.from({ length: rows }, (_, row) => {
    const [only = 'null', more] = columns.map((column) => column[row] ?? 'null');
    const value = more === undefined ? classText(only, plan) : objectText(wanted, columns, row);
    return `"prediction":${value},"probabilities":null,"confidence":null`;
  });
}

/** The class of an index where classes are known. */
function classText(value: string, { classes }: PredictionPlan): string {
  const name = /^\d{1,9}$/.test(value) ? classes[Number(value)] : undefined;
  return name === undefined ? value : JSON.stringify(name);
}

function objectText(
  outputs: readonly Tensor[],
  columns: readonly (readonly string[])[],
  row: number,
): string {
  const fields = outputs.map(
    ({ name }, index) => `${JSON.stringify(name)}:${columns[index]?.[row] ?? 'null'}`,
  );
  return `{${fields.join(',')}}`;
}

/** The value of each row as JSON: a bare one where it is one element, else lists of the row's shape. */
function rowValues(tensor: Tensor, batched: boolean): readonly string[] {
  const rows = batched ? (tensor.shape[0] ?? 1) : 1;
  const total = elementCount(tensor.shape);
  const shape = total === rows ? [rows] : batched ? tensor.shape : [1, ...tensor.shape];
  return texts({ ...tensor, shape });
}

/** The elements of each row as JSON. */
function scoreRows(tensor: Tensor, batched: boolean): readonly (readonly string[])[] {
  const rows = batched ? (tensor.shape[0] ?? 1) : 1;
  const total = elementCount(tensor.shape);
  const elements = texts({ ...tensor, shape: [total] });
  const width = rows === 0 ? 0 : total / rows;
  return Array.from({ length: rows }, (_, row) => elements.slice(row * width, (row + 1) * width));
}

function texts(tensor: Tensor): readonly string[] {
  const found = rowTexts(tensor).map(String);
  return tensor.datatype === 'BYTES' ? found : found.map((text) => text.replace(nonFinite, 'null'));
}
