import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { z } from 'zod';
import { ServingError } from '../errors.ts';
import type { ModelCard } from '../inference/features.ts';
import { qualityMetrics, type MonitoringPlan } from '../inference/monitoring.ts';
import { readModelFile, type ModelSource } from './model-source.ts';

const word = z.string().min(1).max(256);

/** A profile of some thousand features. */
const maxProfileBytes = 16 * 1024 * 1024;

const card = z.strictObject({
  version: word.optional(),
  trained: z.union([z.iso.date(), z.iso.datetime({ offset: true })]).optional(),
  framework: word.optional(),
  licence: word.optional(),
  authors: z.array(word).max(100).optional(),
  sha256: z.record(z.string().regex(/^\d{1,19}$/), z.string().regex(/^[0-9a-f]{64}$/)).optional(),
  metrics: z.record(word, z.number()).optional(),
});

const feedback = z.strictObject({
  keepRequests: z.int().min(1).max(10_000_000).default(100_000),
  keepHours: z
    .number()
    .positive()
    .max(24 * 365)
    .default(24 * 7),
  windowLabels: z.int().min(100).max(100_000).default(1000),
  metric: z.enum(qualityMetrics).optional(),
  /** By default what the card says of the metric. */
  baseline: z.number().optional(),
  alertBelow: z.number().positive().max(1).default(0.95),
});

const drift = z.strictObject({
  /** Beside the file; made by `tensorgate quality profile`. */
  profile: word.optional(),
  /** By default wide outputs of numbers that are no scores of classes. */
  embeddings: z.array(word).max(100).optional(),
  firstRows: z.int().min(1000).max(1_000_000).default(10_000),
  rowsPerSecond: z.int().min(1).max(100_000).default(200),
  windowMinutes: z
    .number()
    .positive()
    .max(60 * 24 * 7)
    .default(60),
  windowRows: z.int().min(100).max(10_000_000).default(1000),
});

/** The parts of the file beside a model that say where it comes from and what is watched of it. */
export const monitoringFields = {
  card: card.optional(),
  monitoring: z.strictObject({ feedback: feedback.optional(), drift: drift.optional() }).optional(),
};

interface MonitoringFile {
  readonly card?: ModelCard | undefined;
  readonly monitoring?:
    | {
        readonly feedback?: z.output<typeof feedback> | undefined;
        readonly drift?: z.output<typeof drift> | undefined;
      }
    | undefined;
}

/** @returns the plan, undefined where nothing is to be watched; and what is wrong, '' for nothing. */
export async function readMonitoring(
  file: MonitoringFile,
  source: ModelSource,
): Promise<{ readonly monitoring: MonitoringPlan | undefined; readonly problem: string }> {
  const given = file.monitoring;
  if (given === undefined) return { monitoring: undefined, problem: '' };
  const baseline = baselineOf(given.feedback, file.card);
  if (typeof baseline === 'string') return { monitoring: undefined, problem: baseline };
  try {
    const profile =
      given.drift?.profile === undefined ? undefined : await readJson(source, given.drift.profile);
    return {
      problem: '',
      monitoring: {
        feedback: given.feedback && {
          keepRequests: given.feedback.keepRequests,
          keepMs: given.feedback.keepHours * 3_600_000,
          windowLabels: given.feedback.windowLabels,
          baseline,
          alertBelow: given.feedback.alertBelow,
        },
        drift: given.drift && {
          profile,
          embeddings: given.drift.embeddings,
          firstRows: given.drift.firstRows,
          rowsPerSecond: given.drift.rowsPerSecond,
          windowMs: given.drift.windowMinutes * 60_000,
          windowRows: given.drift.windowRows,
        },
      },
    };
  } catch (error) {
    return {
      monitoring: undefined,
      problem: `monitoring.drift.profile: ${ServingError.from(error).message}`,
    };
  }
}

type Baseline = NonNullable<MonitoringPlan['feedback']>['baseline'];

/** A text says what is wrong. */
function baselineOf(
  given: z.output<typeof feedback> | undefined,
  of: ModelCard | undefined,
): Baseline | string {
  const metrics = of?.metrics ?? {};
  const metric = given?.metric ?? qualityMetrics.find((name) => metrics[name] !== undefined);
  if (metric === undefined) {
    return given?.baseline === undefined ? undefined : 'monitoring.feedback.baseline needs a metric';
  }
  const value = given?.baseline ?? metrics[metric];
  if (value !== undefined) return { metric, value };
  return given?.metric === undefined
    ? undefined
    : `monitoring.feedback.metric '${metric}' has a baseline neither here nor in the card`;
}

/** @throws ServingError invalid_argument when there is no such file, or it is no JSON. */
async function readJson(source: ModelSource, path: string): Promise<unknown> {
  const text = (await readModelFile(source, path, maxProfileBytes)).toString();
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ServingError('invalid_argument', 'it is no JSON', { reason: 'MODEL_PROFILE', cause });
  }
}

/**
 * Refuses a version whose file is not the one that the card speaks of.
 *
 * @param modelPath '' for an ensemble, which has none.
 * @throws ServingError invalid_argument
 */
export async function checkDigest(
  of: ModelCard | undefined,
  {
    model,
    version,
    modelPath,
  }: { readonly model: string; readonly version: string; readonly modelPath: string },
): Promise<void> {
  const expected = of?.sha256?.[version];
  if (expected === undefined || modelPath === '') return;
  const hash = createHash('sha256');
  for await (const piece of createReadStream(modelPath)) hash.update(piece as Buffer);
  const actual = hash.digest('hex');
  if (actual === expected) return;
  throw new ServingError(
    'invalid_argument',
    `model.yaml of model '${model}': card.sha256: version ${version} should have ${expected}, its file has ${actual}`,
    { reason: 'MODEL_DIGEST' },
  );
}
