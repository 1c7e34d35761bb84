import { featureTypeOf } from '../inference/features.ts';
import type { ModelSpec } from '../inference/model-spec.ts';
import { planPrediction, type PredictionPlan } from '../inference/plan-prediction.ts';
import type { InferResponse } from '../inference/response.ts';
import { asRows, type RowTensor } from './columns.ts';
import type { ClassPrediction, Prediction } from './prediction.ts';
import { numbersOf, textsOf } from './read-elements.ts';

/** Probabilities of more classes are not kept: only the greatest one is. */
const mostProbabilities = 32;

/** Scores of more classes are not looked at. */
const mostClasses = 100_000;

/** Which outputs say what the model predicts. */
interface RowsPlan {
  /** The class or number itself. */
  readonly value: (RowTensor & { readonly isClass: boolean }) | undefined;
  readonly scores: RowTensor | undefined;
  readonly scoresAre: PredictionPlan['scoresAre'];
  readonly classes: readonly string[];
}

/** Reads the predictions of the first rows of an answer; none where its outputs do not tell. */
export type ReadPredictions = (response: InferResponse, mostRows: number) => readonly Prediction[];

/** Outputs by what the file beside the model says they are; else by their names and types. */
export function createPredictionReader(spec: ModelSpec): ReadPredictions {
  const plan = planOf(spec);
  return (response, mostRows) => {
    const scores = response.outputs.find(({ name }) => name === plan.scores?.name);
    const value = response.outputs.find(({ name }) => name === plan.value?.name);
    const shape = (scores ?? value)?.shape;
    if (shape === undefined || (scores !== undefined && scores.datatype === 'BYTES')) return [];
    const rows = Math.min(hasRows(spec, shape) ? (shape[0] ?? 1) : 1, mostRows);
    const texts = value?.datatype === 'BYTES' ? textsOf(value, rows) : undefined;
    const number = value !== undefined && texts === undefined ? numbersOf(value) : undefined;
    const score = scores === undefined ? undefined : numbersOf(scores);
    return Array.from({ length: rows }, (_, row) => {
      const own = texts?.[row] ?? number?.(row);
      if (score !== undefined) return classOf(score, row, plan, own);
      if (plan.value?.isClass !== true) return { kind: 'number', value: Number(own) };
      return unsureClass(className(own, plan.classes));
    });
  };
}

function hasRows({ maxBatchSize }: ModelSpec, shape: readonly number[]): boolean {
  return maxBatchSize > 0 || shape.length > 1;
}

function unsureClass(value: string): ClassPrediction {
  return { kind: 'class', value, confidence: Number.NaN, probabilities: undefined };
}

/** Texts are names; numbers are indexes where classes have names. */
function className(value: string | number | undefined, classes: readonly string[]): string {
  return typeof value === 'number' ? (classes[value] ?? String(value)) : (value ?? '').slice(0, 256);
}

function planOf(spec: ModelSpec): RowsPlan {
  const labels = new Map(
    spec.outputs.filter((output) => output.labels.length > 0).map(({ name, labels: own }) => [name, own]),
  );
  const plan = planPrediction(spec.outputs, labels, spec.features);
  const rowsOf = (name: string): RowTensor | undefined => {
    const output = spec.outputsByName.get(name);
    return output === undefined ? undefined : asRows(output, spec.maxBatchSize);
  };
  const scores = rowsOf(plan.scores);
  const value = rowsOf(plan.prediction);
  const datatype = spec.outputsByName.get(plan.prediction)?.datatype ?? 'FP32';
  return {
    value: value?.width === 1 ? { ...value, isClass: featureTypeOf[datatype] !== 'number' } : undefined,
    scores: scores !== undefined && scores.width <= mostClasses ? scores : undefined,
    scoresAre: plan.scoresAre,
    classes: plan.classes,
  };
}

function classOf(
  score: (index: number) => number,
  row: number,
  { scores, scoresAre, classes }: RowsPlan,
  own: string | number | undefined,
): ClassPrediction {
  const width = scores?.width ?? 1;
  const probabilities: number[] = [];
  for (let i = 0; i < width; i++) probabilities.push(score(row * width + i));
  if (scoresAre === 'logits') softmax(probabilities);
  const [only = Number.NaN] = probabilities;
  // One score is that of the second of two classes.
  if (width === 1) probabilities.splice(0, 1, 1 - only, only);
  let best = 0;
  for (let i = 1; i < probabilities.length; i++) {
    if ((probabilities[i] ?? 0) > (probabilities[best] ?? 0)) best = i;
  }
  const index = classes.length > 0 && own !== undefined ? classes.indexOf(className(own, classes)) : -1;
  const known = scoresAre !== 'scores';
  return {
    kind: 'class',
    value: own === undefined ? className(best, classes) : className(own, classes),
    confidence: known ? (probabilities[index === -1 ? best : index] ?? Number.NaN) : Number.NaN,
    probabilities: known && width <= mostProbabilities ? probabilities : undefined,
  };
}

/** One logit is that of the second class against the first. */
function softmax(values: number[]): void {
  const [only = Number.NaN] = values;
  if (values.length === 1) {
    values[0] = 1 / (1 + Math.exp(-only));
    return;
  }
  let most = -Infinity;
  for (const value of values) most = Math.max(most, value);
  let total = 0;
  for (const [i, value] of values.entries()) {
    const power = Math.exp(value - most);
    values[i] = power;
    total += power;
  }
  for (const [i, power] of values.entries()) values[i] = power / total;
}
