import type { PredictionPlan } from '../../../../inference/plan-prediction.ts';

/**
 * One row of scores as the fields of a prediction: probabilities by class name where classes are known and no two are
 * called the same, else by index.
 *
 * @param scores as JSON, in the order of the classes.
 * @param predicted what the model says it predicts, as JSON; undefined when that follows from the scores.
 */
export function scoreTexts(
  scores: readonly string[],
  plan: PredictionPlan,
  predicted: string | undefined,
): string {
  const { classes, scoresAre } = plan;
  const given = scores.map((text) => (text === 'null' ? NaN : Number(text)));
  let values: readonly number[] = given;
  let shown = scores;
  if (scoresAre === 'logits') {
    values = softmax(given);
    shown = values.map(numberText);
  } else if (scoresAre === 'probabilities' && given.length === 1 && classes.length === 2) {
    // The usual form of binary classifiers: how probable the second class is.
    values = [1 - (given[0] ?? NaN), given[0] ?? NaN];
    shown = [numberText(values[0] ?? NaN), scores[0] ?? 'null'];
  }
  const best = predictedIndex(values, classes, predicted);
  const prediction =
    classes[best] === undefined ? (predicted ?? String(best)) : JSON.stringify(classes[best]);
  const found = best < 0 ? (predicted ?? 'null') : prediction;
  if (scoresAre === 'scores') return `"prediction":${found},"probabilities":null,"confidence":null`;
  const confidence = shown[best < 0 ? largest(values) : best] ?? 'null';
  return `"prediction":${found},"probabilities":${probabilitiesText(shown, classes)},"confidence":${confidence}`;
}

/** -1 when what the model predicts is none of the classes, or there is nothing to choose from. */
function predictedIndex(
  values: readonly number[],
  classes: readonly string[],
  predicted: string | undefined,
): number {
  if (predicted === undefined) return largest(values);
  if (/^\d{1,9}$/.test(predicted))
    return classes.length === 0 ? -1 : inRange(Number(predicted), values.length);
  return classes.findIndex((name) => JSON.stringify(name) === predicted);
}

function inRange(index: number, count: number): number {
  return index < count ? index : -1;
}

/** Of equal ones the first. -1 when none is a number. */
function largest(values: readonly number[]): number {
  let best = -1;
  for (const [index, value] of values.entries()) {
    if (!Number.isNaN(value) && (best < 0 || value > (values[best] ?? NaN))) best = index;
  }
  return best;
}

function probabilitiesText(shown: readonly string[], classes: readonly string[]): string {
  if (classes.length !== shown.length || new Set(classes).size !== classes.length)
    return `[${shown.join(',')}]`;
  return `{${shown.map((text, index) => `${JSON.stringify(classes[index])}:${text}`).join(',')}}`;
}

function softmax(logits: readonly number[]): readonly number[] {
  let most = -Infinity;
  for (const logit of logits) if (logit > most) most = logit;
  const powers = logits.map((logit) => Math.exp(logit - most));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

/** As many digits as a float is worth. */
function numberText(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(7))) : 'null';
}
