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
  return typeof value === 'number' ? (classes[value] ?? String(value)) : (value ?? '');
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
  const values = Float64Array.from({ length: width }, (_, i) => score(row * width + i));
  const probabilities = toProbabilities(values, scoresAre === 'logits');
  let best = 0;
  for (const [i, p] of probabilities.entries()) if (p > (probabilities[best] ?? 0)) best = i;
  const index = classes.length > 0 && own !== undefined ? classes.indexOf(className(own, classes)) : -1;
  return {
    kind: 'class',
    value: own === undefined ? className(best, classes) : className(own, classes),
    confidence:
      scoresAre === 'scores' ? Number.NaN : (probabilities[index === -1 ? best : index] ?? Number.NaN),
    probabilities:
      scoresAre !== 'scores' && width <= mostProbabilities ? Float32Array.from(probabilities) : undefined,
  };
}

/** One score is that of the second of two classes. */
function toProbabilities(values: Float64Array, areLogits: boolean): Float64Array {
  const only = values[0] ?? Number.NaN;
  if (values.length === 1) {
    const p = areLogits ? 1 / (1 + Math.exp(-only)) : only;
    return Float64Array.of(1 - p, p);
  }
  if (!areLogits) return values;
  const most = values.reduce((greatest, value) => Math.max(greatest, value), -Infinity);
  const powers = values.map((value) => Math.exp(value - most));
  const total = powers.reduce((all, power) => all + power, 0);
  return powers.map((power) => power / total);
}
