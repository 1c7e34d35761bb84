import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ServingError } from '../errors.ts';
import type { DeclaredTensor, ModuleDeclaration, ProcessingPlan } from '../inference/processing.ts';
import type { ModelSpec, TensorSpec } from '../inference/model-spec.ts';
import { configError } from './config-message.ts';
import type { ModelConfig, ModelInputConfig, ModelOutputConfig } from './config.ts';
import { confinedPath } from './confined-path.ts';
import { contentDigest } from './content-digest.ts';
import { emptyInput, emptyOutput } from './complete-config.ts';
import { configDatatype } from './model-shape.ts';
import type { ModelSource } from './model-source.ts';
import { parameterLimit } from './parameter-limit.ts';

/** Beside the version folders of a model, one of them. */
const processingFileNames = ['processing.ts', 'processing.mts', 'processing.js', 'processing.mjs'];

const mebibyte = 1024 * 1024;
const mostFiles = 1000;

/** How many at a time, how long and how large a module may be, by the model's parameters. */
const limits = {
  processing_instances: { usual: 1, most: 64 },
  processing_timeout_ms: { usual: 1000, most: 600_000 },
  /** A process of Node takes about 60 MiB of it before it does anything. */
  processing_memory_mib: { usual: 512, most: 1_048_576 },
};

/**
 * The module beside a model; undefined without one, as for models that share their folder with others.
 *
 * @throws ServingError invalid_argument when there are several, when modules are not allowed, or when a client brought the files.
 */
export async function findProcessing(
  source: ModelSource,
  version: string,
  config: ModelConfig,
  allowed: boolean,
): Promise<ProcessingPlan | undefined> {
  if (source.versions.get(version)?.file !== undefined) return undefined;
  const found: string[] = [];
  for (const name of processingFileNames) {
    const path = await confinedPath(join(source.folder, name), [source.root], name);
    if (path !== undefined) found.push(path);
  }
  const [modulePath] = found;
  if (modulePath === undefined) return undefined;
  if (found.length > 1) throw refused('it has more than one processing module');
  if (source.fromRequest === true) throw refused('a load request cannot bring a processing module');
  if (!allowed) {
    throw refused('it has a processing module, which this server runs only with --allow-processing-modules');
  }
  if (config.sequence_batching !== undefined || config.model_transaction_policy?.decoupled === true) {
    throw refused('a processing module cannot stand beside sequence_batching or a decoupled model');
  }
  const limit = (name: keyof typeof limits): number =>
    parameterLimit(config, name, limits[name], (path, problem) => configError(source.name, path, problem));
  return {
    modulePath,
    processes: limit('processing_instances'),
    timeoutMs: limit('processing_timeout_ms'),
    memoryBytes: limit('processing_memory_mib') * mebibyte,
  };
}

/** What a module may read beside itself: the files of the model's folder, without those of its versions. */
export async function processingFiles(source: ModelSource): Promise<readonly string[]> {
  if ([...source.versions.values()].some(({ file }) => file !== undefined)) return [];
  const entries = await readdir(source.folder, { withFileTypes: true });
  if (!entries.some(({ name }) => processingFileNames.includes(name))) return [];
  const names = entries.filter((entry) => !entry.isDirectory() && !entry.name.startsWith('.'));
  return names
    .slice(0, mostFiles)
    .map(({ name }) => join(source.folder, name))
    .sort();
}

/** @throws ServingError invalid_argument when an ensemble has a module, which would never run. */
export async function refuseProcessing(source: ModelSource): Promise<void> {
  if ((await processingFiles(source)).length === 0) return;
  throw refused('an ensemble has no processing module; give it to one of its steps');
}

function refused(problem: string): ServingError {
  return new ServingError('invalid_argument', problem, { reason: 'MODEL_LOAD_FAILED' });
}

/** The configuration as clients see it: with the inputs and outputs that the module declares. */
export function processedConfig(config: ModelConfig, { inputs, outputs }: ModuleDeclaration): ModelConfig {
  return {
    ...config,
    input:
      inputs?.map((tensor): ModelInputConfig => ({ ...emptyInput(tensor.name), ...typed(tensor) })) ??
      config.input,
    output:
      outputs?.map((tensor): ModelOutputConfig => ({ ...emptyOutput(tensor.name), ...typed(tensor) })) ??
      config.output,
  };
}

function typed({ datatype, dims }: DeclaredTensor): Pick<ModelInputConfig, 'data_type' | 'dims'> {
  return { data_type: configDatatype(datatype), dims };
}

/** The spec of such a configuration, with the class names that the module declares, and a digest that its files count in. */
export async function processedSpec(
  spec: ModelSpec,
  { outputs: declared }: ModuleDeclaration,
  source: ModelSource,
): Promise<ModelSpec> {
  const files = await contentDigest(await processingFiles(source));
  const outputs = spec.outputs.map((output): TensorSpec => {
    const labels = declared?.find(({ name }) => name === output.name)?.labels;
    return labels === undefined ? output : { ...output, labels };
  });
  return {
    ...spec,
    digest: createHash('sha256').update(spec.digest).update(files).digest('hex'),
    outputs,
    outputsByName: new Map(outputs.map((output) => [output.name, output])),
    caching: undefined,
  };
}
