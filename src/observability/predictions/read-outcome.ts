import type { ModelSpec } from '../../inference/model-spec.ts';
import { planPrediction, type PredictionPlan } from '../../inference/plan-prediction.ts';
import type { InferResponse } from '../../inference/response.ts';
import type { RecordValue } from './anonymise.ts';
import type { ElementValue } from './read-elements.ts';
import { readRow, valueOf, type RowValue } from './read-row.ts';

/** What was predicted for one row, and how sure the model was; null where it does not say. */
export interface Outcome {
  readonly prediction: RecordValue;
  readonly confidence: number | null;
  readonly truncated: boolean;
}

/** Scores of one row are read up to here: more are not classes. */
const maxScores = 65_536;

/** Which outputs hold what, from the file beside the model or from names and labels. */
export function outcomePlan({ outputs, features }: ModelSpec): PredictionPlan {
  const labelled = outputs.filter(({ labels }) => labels.length > 0);
  return planPrediction(outputs, new Map(labelled.map(({ name, labels }) => [name, labels])), features);
}

/** @param rows how many the answer has. */
export function readOutcome(
  plan: PredictionPlan,
  response: InferResponse,
  row: number,
  rows: number,
): Outcome {
  const { outputs } = response;
  const scores = outputs.find(({ name }) => name === plan.scores);
  const predicted = outputs.find(({ name }) => name === plan.prediction);
  const said = predicted && readRow(predicted, row, rows);
  if (scores !== undefined) {
    const read = readRow(scores, row, rows, maxScores);
    if (!read.truncated)
      return { ...fromScores(plan, read.elements, said), truncated: said?.truncated ?? false };
  }
  if (said !== undefined)
    return { prediction: named(plan, valueOf(said)), confidence: null, truncated: said.truncated };
  const read = outputs.map((tensor) => ({ name: tensor.name, value: readRow(tensor, row, rows) }));
  const [only, more] = read;
  const truncated = read.some(({ value }) => value.truncated);
  if (only === undefined) return { prediction: null, confidence: null, truncated };
  if (more === undefined)
    return { prediction: named(plan, valueOf(only.value)), confidence: null, truncated };
  const prediction = Object.fromEntries(read.map(({ name, value }) => [name, valueOf(value)]));
  return { prediction, confidence: null, truncated };
}

function fromScores(
  plan: PredictionPlan,
  scores: readonly ElementValue[],
  said: RowValue | undefined,
): Omit<Outcome, 'truncated'> {
  const { classes, scoresAre } = plan;
  let values = scores.map((score) => (typeof score === 'number' ? score : NaN));
  if (scoresAre === 'logits') values = softmax(values);
  // The usual form of binary classifiers: how probable the second class is.
  else if (scoresAre === 'probabilities' && values.length === 1 && classes.length === 2)
    values = [1 - (values[0] ?? NaN), values[0] ?? NaN];
  const predicted = said?.elements.length === 1 ? said.elements[0] : undefined;
  const best = predicted === undefined ? largest(values) : indexOf(predicted, plan, values.length);
  const prediction = classes[best] ?? (said === undefined ? (best < 0 ? null : best) : valueOf(said));
  const confidence = scoresAre === 'scores' ? undefined : values[best < 0 ? largest(values) : best];
  return { prediction, confidence: rounded(confidence) };
}

/** -1 when what the model predicts is none of the classes. */
function indexOf(predicted: ElementValue, { classes }: PredictionPlan, count: number): number {
  if (typeof predicted === 'number')
    return classes.length > 0 && Number.isInteger(predicted) && predicted >= 0 && predicted < count
      ? predicted
      : -1;
  return classes.findIndex((name) => name === predicted);
}

/** The class of an index where classes are known. */
function named({ classes }: PredictionPlan, value: RecordValue): RecordValue {
  return typeof value === 'number' ? (classes[value] ?? value) : value;
}

/** Of equal ones the first. -1 when none is a number. */
function largest(values: readonly number[]): number {
  let best = -1;
  for (let index = 0; index < values.length; index++) {
    const value = values[index] ?? NaN;
    if (!Number.isNaN(value) && (best < 0 || value > (values[best] ?? NaN))) best = index;
  }
  return best;
}

function softmax(logits: readonly number[]): number[] {
  let most = -Infinity;
  for (const logit of logits) if (logit > most) most = logit;
  const powers = logits.map((logit) => Math.exp(logit - most));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

/** As many digits as a float is worth. */
function rounded(value: number | undefined): number | null {
  return value === undefined || !Number.isFinite(value) ? null : Number(value.toPrecision(7));
}
