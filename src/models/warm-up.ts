import { ServingError } from '../errors.ts';
import { datatypeSizeBytes } from '../inference/datatype.ts';
import type { Batch, BatchTensor, Executor } from '../inference/executor.ts';
import type { Logger } from '../inference/logger.ts';
import type { ModelSpec, TensorSpec } from '../inference/model-spec.ts';
import { elementCount } from '../inference/tensor.ts';
import type { Clock } from '../util/clock.ts';
import type { ModelConfig, WarmupConfig, WarmupInputConfig } from './config.ts';
import { datatypeOf } from './model-shape.ts';

export interface WarmUpOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Reads a model_warmup's input_data_file below the model's folder `warmup`. */
  readonly readSample: (fileName: string) => Promise<Uint8Array>;
}

/** Enough runs for lazy set-up to be over and for placement to be decided; fewer when they are slow. */
const defaultRuns = 5;
const defaultBudgetMs = 500;
/** A default sample that would be larger is not worth its memory. */
const maxSampleBytes = 16 * 1024 * 1024;

/**
 * Runs every executor before the model is called ready: with the configuration's model_warmup if there is one, else with
 * zeros at one row and at the largest batch. Zeros that the model cannot take say nothing against it and are let pass;
 * a configured sample that fails fails the load.
 */
export async function warmUp(
  spec: ModelSpec,
  config: ModelConfig,
  executors: readonly Executor[],
  options: WarmUpOptions,
): Promise<void> {
  if (config.model_warmup.length > 0) {
    for (const sample of config.model_warmup) await runSample(spec, sample, executors, options);
    return;
  }
  try {
    const sizes = spec.maxBatchSize > 1 ? [1, spec.maxBatchSize] : [1];
    for (const rows of sizes) {
      const batch = zeroBatch(spec, rows);
      if (batch !== undefined) await runDefault(batch, executors, options.clock);
    }
  } catch (error) {
    const { message, code } = ServingError.from(error);
    if (code === 'unavailable') throw error;
    options.logger.debug(
      { model: spec.name, version: spec.version, problem: message },
      'the model takes no zeros to warm up with',
    );
  }
}

async function runDefault(batch: Batch, executors: readonly Executor[], clock: Clock): Promise<void> {
  await Promise.all(
    executors.map(async (executor) => {
      const end = clock.now() + defaultBudgetMs;
      for (let run = 0; run < defaultRuns && (run === 0 || clock.now() < end); run++)
        await executor.run(batch);
    }),
  );
}

function zeroBatch(spec: ModelSpec, rows: number): Batch | undefined {
  const inputs = spec.inputs
    .filter(({ optional }) => !optional)
    .map((input) => zeros(input.name, input.datatype, wholeShape(spec, input, rows)));
  const sizeBytes = inputs.reduce((sum, input) => sum + input.sizeBytes, 0);
  if (sizeBytes > maxSampleBytes || inputs.length === 0) return undefined;
  return { inputs, outputs: spec.outputs.map(({ name }) => name), rows };
}

function wholeShape(spec: ModelSpec, input: TensorSpec, rows: number): number[] {
  const dims = (input.reshape ?? input.dims).map((dim) => (dim < 0 ? 1 : dim));
  return spec.maxBatchSize > 0 ? [rows, ...dims] : dims;
}

/** An empty string's wire form is a length of zero, so zeros serve for text as well. */
function zeros(name: string, datatype: TensorSpec['datatype'], shape: readonly number[]): BatchTensor {
  const sizeBytes = elementCount(shape) * (datatypeSizeBytes[datatype] || 4);
  return { name, datatype, shape, parts: [new Uint8Array(sizeBytes)], sizeBytes };
}

async function runSample(
  spec: ModelSpec,
  sample: WarmupConfig,
  executors: readonly Executor[],
  options: WarmUpOptions,
): Promise<void> {
  const rows = Math.max(1, sample.batch_size);
  const inputs = await Promise.all(
    Object.entries(sample.inputs).map(([name, input]) => sampleInput(spec, { name, rows }, input, options)),
  );
  const batch: Batch = { inputs, outputs: spec.outputs.map(({ name }) => name), rows };
  await Promise.all(
    executors.map(async (executor) => {
      for (let run = 0; run < Math.max(1, sample.count); run++) await executor.run(batch);
    }),
  );
}

async function sampleInput(
  spec: ModelSpec,
  { name, rows }: { readonly name: string; readonly rows: number },
  input: WarmupInputConfig,
  { readSample }: WarmUpOptions,
): Promise<BatchTensor> {
  const datatype = datatypeOf(input.data_type);
  if (datatype === undefined || !spec.inputsByName.has(name)) {
    throw new ServingError(
      'invalid_argument',
      `model_warmup of model '${spec.name}': input '${name}' is not as the model's`,
      {
        reason: 'MODEL_CONFIG',
      },
    );
  }
  const shape = spec.maxBatchSize > 0 ? [rows, ...input.dims] : [...input.dims];
  const sizeBytes = elementCount(shape) * (datatypeSizeBytes[datatype] || 4);
  if (!(sizeBytes <= maxSampleBytes * 16)) {
    throw new ServingError(
      'invalid_argument',
      `model_warmup of model '${spec.name}': input '${name}' is too large`,
      {
        reason: 'MODEL_CONFIG',
      },
    );
  }
  const data = await sampleData(input, sizeBytes, readSample);
  return { name, datatype, shape, parts: [data], sizeBytes: data.byteLength };
}

async function sampleData(
  input: WarmupInputConfig,
  sizeBytes: number,
  readSample: (fileName: string) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  if (input.input_data_file !== undefined) return readSample(input.input_data_file);
  const data = new Uint8Array(sizeBytes);
  // Small positive values for every fixed-size type: random bits would be NaN and infinities.
  if (input.random_data === true && input.data_type === 'TYPE_FP32') {
    const values = new Float32Array(data.buffer, 0, Math.floor(sizeBytes / 4));
    for (let i = 0; i < values.length; i++) values[i] = Math.random();
  }
  return data;
}
