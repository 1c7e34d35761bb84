import type { QualityMetric } from '../inference/monitoring.ts';
import type { Outcome } from './prediction.ts';

/** Bins of equally many predictions in which confidence is compared with accuracy. */
const calibrationBins = 15;

/** undefined where the model's answers do not have what the metric is made of. */
export type LabelMetrics = Readonly<Record<QualityMetric, number | undefined>>;

/** Which way is worse. */
export const greaterIsBetter = {
  accuracy: true,
  f1: true,
  brier: false,
  logLoss: false,
  ece: false,
  rmse: false,
  mae: false,
} as const satisfies Record<QualityMetric, boolean>;

/** Of outcomes of one kind. */
export function computeMetrics(outcomes: readonly Outcome[]): LabelMetrics {
  const errors = outcomes.map(({ error }) => error).filter((error) => !Number.isNaN(error));
  const classes = errors.length === 0 ? outcomes : [];
  return {
    accuracy: mean(classes.map(({ correct }) => (correct ? 1 : 0))),
    f1: macroF1(classes),
    brier: mean(known(classes.map(({ brier }) => brier))),
    logLoss: mean(known(classes.map(({ logLoss }) => logLoss))),
    ece: calibrationError(classes.filter(({ confidence }) => !Number.isNaN(confidence))),
    rmse: root(mean(errors.map((error) => error * error))),
    mae: mean(errors.map((error) => Math.abs(error))),
  };
}

function known(values: readonly number[]): readonly number[] {
  return values.filter((value) => !Number.isNaN(value));
}

function mean(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function root(value: number | undefined): number | undefined {
  return value === undefined ? undefined : Math.sqrt(value);
}

/** The mean over all classes that were predicted or true. */
function macroF1(outcomes: readonly Outcome[]): number | undefined {
  const counts = new Map<string, { hits: number; all: number }>();
  const of = (name: string): { hits: number; all: number } => {
    const there = counts.get(name) ?? { hits: 0, all: 0 };
    counts.set(name, there);
    return there;
  };
  for (const { predicted, label, correct } of outcomes) {
    of(predicted).all++;
    of(label).all++;
    if (correct) of(label).hits++;
  }
  return mean(Array.from(counts.values(), ({ hits, all }) => (2 * hits) / all));
}

/** The expected calibration error: by how much confidence and accuracy differ, over bins of equally many predictions. */
function calibrationError(outcomes: readonly Outcome[]): number | undefined {
  if (outcomes.length === 0) return undefined;
  const sorted = outcomes.toSorted((a, b) => a.confidence - b.confidence);
  const bins = Math.min(calibrationBins, sorted.length);
  let error = 0;
  for (let bin = 0; bin < bins; bin++) {
    const from = Math.floor((bin * sorted.length) / bins);
    const to = Math.floor(((bin + 1) * sorted.length) / bins);
    let off = 0;
    for (const { confidence, correct } of sorted.slice(from, to)) off += confidence - (correct ? 1 : 0);
    error += Math.abs(off);
  }
  return error / sorted.length;
}

/** Half of all lags are shorter, and 95 %; undefined without labels. */
export function lagQuantiles(
  outcomes: readonly Outcome[],
): { readonly medianMs: number; readonly p95Ms: number } | undefined {
  const lags = outcomes.map(({ lagMs }) => lagMs).sort((a, b) => a - b);
  const at = (share: number): number => lags[Math.min(lags.length - 1, Math.floor(share * lags.length))] ?? 0;
  return lags.length === 0 ? undefined : { medianMs: at(0.5), p95Ms: at(0.95) };
}
