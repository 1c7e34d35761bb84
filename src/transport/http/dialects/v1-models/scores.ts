import type { ModelMetadata } from '../../../../inference/catalog.ts';
import { noParameters, type RequestedOutput } from '../../../../inference/request.ts';
import type { InferResponse } from '../../../../inference/response.ts';
import { elementCount, type Tensor } from '../../../../inference/tensor.ts';
import { rowTexts } from '../nested/nested-text.ts';
import { refuseV1 } from './refuse-v1.ts';

const floats: readonly string[] = ['FP32', 'FP64', 'FP16', 'BF16'];

/** What the outputs are called that a SavedModel would name in a signature for classification, and those of sklearn's. */
const scoreNames: readonly string[] = ['scores', 'probabilities', 'probability'];
const classesName = 'classes';

/** The output that classification and regression are answered from. @throws invalid_argument when it is not clear. */
export function scoresOutput({ name, outputs }: ModelMetadata): string {
  const candidates = outputs.filter(({ datatype }) => floats.includes(datatype));
  const [only, more] = candidates;
  if (only !== undefined && more === undefined) return only.name;
  const named = candidates.find((candidate) => scoreNames.includes(candidate.name));
  if (named === undefined) throw refuseV1.noScores(name);
  return named.name;
}

/** The outputs that a classification needs: scores, and the names of classes where the model gives them. */
export function classificationOutputs(model: ModelMetadata): readonly RequestedOutput[] {
  const wanted = [{ name: scoresOutput(model), parameters: noParameters }];
  const named = model.outputs.some(({ name, datatype }) => name === classesName && datatype === 'BYTES');
  return named ? [...wanted, { name: classesName, parameters: noParameters }] : wanted;
}

/**
 * `{"result":[[[label, score], ...], ...]}`, a list of classes for each row, in the model's order.
 *
 * @param labels class names of the model's configuration, for models that do not give them; '' where there is none.
 * @throws invalid_argument for outputs that are no rows of scores.
 */
export function classificationText({ outputs }: InferResponse, labels: readonly string[]): string {
  const classes = outputs.find(({ name }) => name === classesName);
  const scores = outputs.find((output) => output !== classes);
  if (scores === undefined) throw new Error('bug: a classification without scores');
  const rows = scores.shape[0] ?? 1;
  const values = elementTexts(scores);
  const width = rows === 0 ? 0 : values.length / rows;
  const names = classes === undefined ? undefined : elementTexts(classes);
  // Either for each row its own, or once for all.
  if (names !== undefined && names.length !== values.length && names.length !== width) {
    throw refuseV1.classesShape();
  }
  const labelOf = (index: number): string =>
    names === undefined ? JSON.stringify(labels[index % width] ?? '') : (names[index % names.length] ?? '""');
  const lists: string[] = [];
  for (let start = 0; start < values.length; start += width) {
    const row = values.slice(start, start + width);
    lists.push(`[${row.map((value, index) => `[${labelOf(start + index)},${value}]`).join(',')}]`);
  }
  return `{"result":[${lists.join(',')}]}`;
}

/** `{"result":[value, ...]}`. @throws invalid_argument when there is not one value for each row. */
export function regressionText({ outputs: [values] }: InferResponse, rows: number): string {
  if (values === undefined) throw new Error('bug: a regression without values');
  if (elementCount(values.shape) !== rows) throw refuseV1.noValues(values.name, rows);
  return `{"result":[${elementTexts(values).join(',')}]}`;
}

/** Each element as JSON. */
function elementTexts(tensor: Tensor): readonly string[] {
  const flat = { ...tensor, shape: [elementCount(tensor.shape)] };
  return rowTexts(flat).map((text) => text.toString());
}
