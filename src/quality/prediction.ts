import type { Label } from '../inference/monitoring.ts';

/** What a model answered for one row. */
export type Prediction = ClassPrediction | NumberPrediction;

export interface ClassPrediction {
  readonly kind: 'class';
  /** Name of the class, or its index where classes have no names. */
  readonly value: string;
  /** The probability that the model gave it; NaN where it gives none. */
  readonly confidence: number;
  /** Of all classes by index; undefined without, and for models of many classes. */
  readonly probabilities: readonly number[] | undefined;
}

export interface NumberPrediction {
  readonly kind: 'number';
  readonly value: number;
}

/** A prediction and what it should have been. */
export interface Outcome {
  readonly predicted: string;
  readonly label: string;
  readonly correct: boolean;
  /** NaN where there is no probability. */
  readonly confidence: number;
  readonly brier: number;
  readonly logLoss: number;
  /** Prediction less label; NaN for classes. */
  readonly error: number;
  readonly lagMs: number;
}

/** No probability is taken for less: one wrong certainty should not make the loss of all others infinite. */
const leastProbability = 1e-15;

/** undefined where the label is no value that such a prediction could have. @param classes names by index. */
export function outcomeOf(
  prediction: Prediction,
  label: Label,
  classes: readonly string[],
  lagMs: number,
): Outcome | undefined {
  if (prediction.kind === 'number') return numberOutcome(prediction.value, label, lagMs);
  const name = className(label, classes);
  const { value, confidence, probabilities } = prediction;
  const at = classes.length > 0 ? classes.indexOf(name) : /^\d{1,7}$/.test(name) ? Number(name) : -1;
  const probability = probabilities?.[at];
  let squares = 0;
  for (const p of probabilities ?? []) squares += p * p;
  const known = probability !== undefined;
  // Of two classes the squares of both are equal, and one of them is the usual score.
  const scale = probabilities?.length === 2 ? 0.5 : 1;
  return {
    predicted: value,
    label: name,
    correct: value === name,
    confidence,
    brier: known ? scale * (squares - 2 * probability + 1) : Number.NaN,
    logLoss: known ? -Math.log(Math.max(probability, leastProbability)) : Number.NaN,
    error: Number.NaN,
    lagMs,
  };
}

function numberOutcome(value: number, label: Label, lagMs: number): Outcome | undefined {
  if (typeof label !== 'number' || !Number.isFinite(label)) return undefined;
  return {
    predicted: '',
    label: '',
    correct: value === label,
    confidence: Number.NaN,
    brier: Number.NaN,
    logLoss: Number.NaN,
    error: value - label,
    lagMs,
  };
}

/** A label by name or by index. */
function className(label: Label, classes: readonly string[]): string {
  if (typeof label === 'string') return label;
  const index = Number(label);
  return classes[index] ?? String(index);
}
