import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { ServingError } from '../errors.ts';
import { featureTypes, nonFinitePolicies, type ModelFeatures } from '../inference/features.ts';
import type { TensorSpec } from '../inference/model-spec.ts';
import { monitoringFields, readMonitoring } from './monitoring-file.ts';
import { completeFeatures } from './complete-features.ts';
import { readModelFile, type ModelSource } from './model-source.ts';
import { confinedPath } from './confined-path.ts';

/** Beside the version folders of a model. */
const featureFileName = 'model.yaml';

const maxFileBytes = 1024 * 1024;

const name = z.string().min(1).max(256);
const about = z.string().max(4096);
const value = z.union([z.number(), z.string(), z.boolean()]);

const feature = z.strictObject({
  name,
  description: about.optional(),
  type: z.enum(featureTypes).optional(),
  input: name.optional(),
  min: z.number().optional(),
  max: z.number().optional(),
  values: z
    .array(z.union([z.number(), z.string()]))
    .min(1)
    .max(1000)
    .optional(),
  default: value.optional(),
  nonFinite: z.enum(nonFinitePolicies).optional(),
});

const featureFile = z.strictObject({
  description: about.optional(),
  nonFinite: z.enum(nonFinitePolicies).default('refuse'),
  features: z.array(feature).max(65_536).default([]),
  outputs: z
    .strictObject({ prediction: name.optional(), probabilities: name.optional(), logits: name.optional() })
    .default({}),
  classes: z.array(name).max(1_000_000).default([]),
  ...monitoringFields,
});

/** The file's content, of the right form. */
export type FeatureFile = z.output<typeof featureFile>;

/** What a model takes and gives, for the file to agree with. */
export interface ModelTensors {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}

/** More than these are not listed. */
const maxProblems = 20;

/**
 * Reads what the file beside a model says about its use; undefined without one, as for models that share their folder
 * with others.
 *
 * @throws ServingError invalid_argument that names everything that is wrong.
 */
export async function readFeatures(
  source: ModelSource,
  version: string,
  tensors: ModelTensors,
): Promise<ModelFeatures | undefined> {
  if (source.versions.get(version)?.file !== undefined) return undefined;
  if ((await featureFilePath(source)) === undefined) return undefined;
  const text = (await readModelFile(source, featureFileName, maxFileBytes)).toString();
  const result = featureFile.safeParse(parsed(source.name, text));
  if (!result.success) {
    throw wrong(
      source.name,
      result.error.issues.map(({ path, message }) =>
        path.length === 0 ? message : `${path.join('.')}: ${message}`,
      ),
    );
  }
  const { features, problems } = completeFeatures(result.data, tensors);
  const { monitoring, problem } = await readMonitoring(result.data, source);
  if (problem !== '') throw wrong(source.name, [...problems, problem]);
  if (problems.length > 0) throw wrong(source.name, problems);
  return { ...features, card: result.data.card, monitoring };
}

/** Real path of the file; undefined when there is none. @throws ServingError invalid_argument when it leads elsewhere. */
export function featureFilePath({ folder, root }: ModelSource): Promise<string | undefined> {
  return confinedPath(join(folder, featureFileName), [root], featureFileName);
}

function parsed(model: string, text: string): unknown {
  try {
    return parse(text) ?? {};
  } catch (cause) {
    throw wrong(model, ['it is no YAML'], cause);
  }
}

function wrong(model: string, problems: readonly string[], cause?: unknown): ServingError {
  const more = problems.length - maxProblems;
  const listed = problems.slice(0, maxProblems).join('; ');
  return new ServingError(
    'invalid_argument',
    `${featureFileName} of model '${model}': ${listed}${more > 0 ? `; and ${more} more` : ''}`.slice(0, 1000),
    { reason: 'MODEL_FEATURES', cause },
  );
}
