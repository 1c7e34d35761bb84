import { z } from 'zod';
import { feature, type FeatureProfile } from './profile.ts';
import { storedEmbedding } from './stored-embedding.ts';
import { real } from './stored-prediction.ts';

const count = z.number().nonnegative();

const adaptive = z.strictObject({
  buckets: z.array(z.tuple([count, z.number()])).max(10_000),
  sinceLook: z.int().nonnegative(),
});

/** Predicted, label, correct, confidence, Brier score, log loss, error, lag. */
const outcome = z.tuple([
  z.string().max(256),
  z.string().max(256),
  z.boolean(),
  real,
  real,
  real,
  real,
  z.number(),
]);

const feedback = z.strictObject({
  outcomes: z.array(outcome).max(100_000).readonly(),
  next: z.int().nonnegative(),
  errors: adaptive,
  counts: z.strictObject({ accepted: count, unknown: count, repeated: count, unfitting: count }),
  changes: count,
  below: z.boolean(),
  sinceLook: count,
  confidence: real,
  errorScale: z.number(),
});

const featureDrift = z.strictObject({
  name: z.string(),
  kind: z.enum(['number', 'category']),
  values: count,
  effectiveValues: real,
  stabilityIndex: real,
  jensenShannon: real,
  distance: real,
  wasserstein: real,
  missingShare: real,
  missingShareOfReference: real,
  mean: real,
  meanOfReference: real,
  pValue: real,
  exceeds: z.boolean(),
  bins: z.array(z.string()).readonly(),
  counts: z.array(count).readonly(),
  countsOfReference: z.array(count).readonly(),
  inARow: count,
  drifted: z.boolean(),
});

const driftWindow = z.strictObject({
  fromMs: z.number(),
  toMs: z.number(),
  rows: count,
  features: z.array(featureDrift).readonly(),
  driftedShare: count,
  drifted: z.boolean(),
});

const featureWindow = z.strictObject({
  counts: z.array(count).readonly(),
  missing: count,
  values: count,
  /** Sums, as they go on; NaN before the first value. */
  sums: z.tuple([real, real, real, real, real]),
});

const side = z.strictObject({
  reference: z.array(feature).readonly(),
  from: z.number(),
  rows: count,
  inARow: z.array(count).readonly(),
  last: driftWindow.optional(),
  windows: z.array(featureWindow).readonly(),
});

/** What is known of a version, but for the predictions that wait for labels and a reference that is still being made. */
export const storedVersion = z.strictObject({
  drifting: z.boolean(),
  feedback: feedback.optional(),
  inputs: side.optional(),
  answers: side.optional(),
  embeddings: z.array(storedEmbedding).max(100).readonly().optional(),
});

export type StoredAdaptive = z.output<typeof adaptive>;
export type StoredFeedback = z.output<typeof feedback>;
export type StoredFeatureWindow = z.output<typeof featureWindow>;
export type StoredVersion = z.output<typeof storedVersion>;
export type StoredSide = Omit<z.output<typeof side>, 'reference'> & {
  readonly reference: readonly FeatureProfile[];
};
