import type { Metric, NumberMetric, NumberPoint } from './metric.ts';
import type { QualityReading } from './server-reading.ts';

const perVersion = ['model', 'version'] as const;

/** Features that have a point each, the most changed ones first: more would be a load for whoever stores them. */
const mostFeatures = 100;

interface Reading {
  readonly name: string;
  readonly help: string;
  readonly kind?: NumberMetric['kind'];
  readonly labels?: readonly string[];
  /** Values with labels beside model and version. */
  readonly points: (quality: QualityReading) => readonly NumberPoint[];
}

function metric({ name, help, kind = 'gauge', labels = [], points }: Reading): NumberMetric {
  return {
    kind,
    name,
    help,
    labels: [...perVersion, ...labels],
    read: ({ quality }) =>
      quality.flatMap((reading) =>
        points(reading).map(({ labels: own, value }) => ({
          labels: { model: reading.model, version: reading.version, ...own },
          value,
        })),
      ),
  };
}

function single(value: number | undefined): readonly NumberPoint[] {
  return value === undefined ? [] : [{ labels: {}, value }];
}

function each(values: Readonly<Record<string, number>>, label: string): readonly NumberPoint[] {
  return Object.entries(values).map(([word, value]) => ({ labels: { [label]: word }, value }));
}

/** How good the answers of monitored versions are, and whether their data have changed. */
export const qualityMetrics: readonly Metric[] = [
  metric({
    name: 'tensorgate_quality',
    help: 'Metrics of the newest labels: accuracy, f1, brier, logLoss, ece, rmse and mae.',
    labels: ['metric'],
    points: ({ metrics }) => each(metrics, 'metric'),
  }),
  metric({
    name: 'tensorgate_quality_labels_total',
    help: 'Labels that came: accepted, of unknown requests, repeated, or unfitting.',
    kind: 'counter',
    labels: ['outcome'],
    points: ({ labels }) => each(labels, 'outcome'),
  }),
  metric({
    name: 'tensorgate_quality_below_baseline',
    help: '1 while the metric of the baseline is worse than its limit.',
    points: ({ belowBaseline }) => single(belowBaseline === undefined ? undefined : Number(belowBaseline)),
  }),
  metric({
    name: 'tensorgate_quality_changes_total',
    help: 'How often the error was found to have changed.',
    kind: 'counter',
    points: ({ changes }) => single(changes),
  }),
  metric({
    name: 'tensorgate_quality_estimated_accuracy',
    help: 'The accuracy to expect of the newest predictions by their confidence, corrected by labels where there are enough.',
    points: ({ estimatedAccuracy }) => single(estimatedAccuracy),
  }),
  metric({
    name: 'tensorgate_quality_label_lag_seconds',
    help: 'Median time between a prediction and its label.',
    points: ({ medianLagMs }) => single(medianLagMs === undefined ? undefined : medianLagMs / 1000),
  }),
  metric({
    name: 'tensorgate_quality_unread_total',
    help: 'Answered requests that were not looked at: failed could not be read, dropped were too many at once.',
    kind: 'counter',
    labels: ['reason'],
    points: ({ unread }) => each(unread, 'reason'),
  }),
  metric({
    name: 'tensorgate_drift_share',
    help: 'Share of features that had drifted in the last complete window.',
    labels: ['side'],
    points: ({ drift }) => drift.map(({ side, share }) => ({ labels: { side }, value: share })),
  }),
  metric({
    name: 'tensorgate_drift_psi',
    help: 'Population stability index of a feature in the last complete window; of the 100 most changed ones.',
    labels: ['side', 'feature'],
    points: ({ drift }) =>
      drift.flatMap(({ side, features }) =>
        features
          .toSorted((a, b) => b.stabilityIndex - a.stabilityIndex)
          .slice(0, mostFeatures)
          .map(({ name, stabilityIndex }) => ({ labels: { side, feature: name }, value: stabilityIndex })),
      ),
  }),
  metric({
    name: 'tensorgate_drift_embedding_shift',
    help: 'By how many standard deviations vectors had shifted in the last complete window, in the direction in which they had.',
    labels: ['side', 'feature'],
    points: ({ embeddings }) =>
      embeddings.map(({ side, name, shift }) => ({ labels: { side, feature: name }, value: shift })),
  }),
  metric({
    name: 'tensorgate_drift_drifted',
    help: '1 for each feature, and each tensor of vectors, that had drifted in the last complete window.',
    labels: ['side', 'feature'],
    points: ({ drift, embeddings }) =>
      [
        ...drift.flatMap(({ side, features }) => features.map((feature) => ({ ...feature, side }))),
        ...embeddings,
      ]
        .filter(({ drifted }) => drifted)
        .map(({ side, name }) => ({ labels: { side, feature: name }, value: 1 })),
  }),
];
