import { isDatatype } from './datatype.ts';
import { featureTypeOf, type ModelFeatures } from './features.ts';

/** Which outputs a prediction is read from. */
export interface PredictionPlan {
  /** Holds the predicted value or class; '' when it follows from the scores, or is all outputs together. */
  readonly prediction: string;
  /** Holds a number for each class; '' without. */
  readonly scores: string;
  readonly scoresAre: 'probabilities' | 'logits' | 'scores';
  /** Class names by index; empty when they are not known. */
  readonly classes: readonly string[];
}

/** An output, as far as its role follows from it. */
interface NamedOutput {
  readonly name: string;
  readonly datatype: string;
}

/** What exporters call outputs: sklearn-onnx, LightGBM and XGBoost by onnxmltools, Keras. */
const probabilityNames: readonly string[] = [
  'probabilities',
  'probability',
  'output_probability',
  'predict_proba',
];
const labelNames: readonly string[] = ['label', 'output_label', 'predicted_label'];

/** What is not said by the file beside the model follows from names, datatypes and labels of its outputs. */
export function planPrediction(
  outputs: readonly NamedOutput[],
  labels: ReadonlyMap<string, readonly string[]>,
  file: ModelFeatures | undefined,
): PredictionPlan {
  const said = file?.outputs;
  const scores = said?.probabilities || said?.logits || foundScores(outputs, labels);
  const prediction = said?.prediction || foundPrediction(outputs, scores);
  return {
    prediction,
    scores,
    scoresAre: scoresAre(scores, said?.logits ?? '', said?.probabilities ?? ''),
    classes: classesOf(file?.classes ?? [], labels, [scores, prediction]),
  };
}

function scoresAre(scores: string, logits: string, probabilities: string): PredictionPlan['scoresAre'] {
  if (scores === logits && logits !== '') return 'logits';
  return scores === probabilities || probabilityNames.includes(scores) ? 'probabilities' : 'scores';
}

function foundScores(
  outputs: readonly NamedOutput[],
  labels: ReadonlyMap<string, readonly string[]>,
): string {
  const floats = outputs.filter(({ datatype }) => isFloat(datatype));
  const named = floats.find(({ name }) => probabilityNames.includes(name));
  return (named ?? floats.find(({ name }) => labels.has(name)))?.name ?? '';
}

function foundPrediction(outputs: readonly NamedOutput[], scores: string): string {
  if (scores === '') return outputs.length === 1 ? (outputs[0]?.name ?? '') : '';
  const others = outputs.filter(({ name, datatype }) => name !== scores && !isFloat(datatype));
  const named = others.find(({ name }) => labelNames.includes(name));
  return (named ?? (outputs.length === 2 ? others[0] : undefined))?.name ?? '';
}

function isFloat(datatype: string): boolean {
  return isDatatype(datatype) && featureTypeOf[datatype] === 'number';
}

function classesOf(
  said: readonly string[],
  labels: ReadonlyMap<string, readonly string[]>,
  outputs: readonly string[],
): readonly string[] {
  if (said.length > 0) return said;
  const labelled = outputs.find((name) => labels.has(name));
  return labelled === undefined ? [] : (labels.get(labelled) ?? []);
}
