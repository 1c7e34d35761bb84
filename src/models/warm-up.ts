import { ServingError } from '../errors.ts';
import { datatypeSizeBytes } from '../inference/datatype.ts';
import type { Batch, BatchTensor, Executor } from '../inference/executor.ts';
import type { Logger } from '../inference/logger.ts';
import type { ModelSpec, TensorSpec } from '../inference/model-spec.ts';
import type { RehearsedCost } from '../inference/target.ts';
import { elementCount } from '../inference/tensor.ts';
import type { Clock } from '../util/clock.ts';
import type { ModelConfig, WarmupConfig, WarmupInputConfig } from './config.ts';
import { datatypeOf } from './model-shape.ts';

export interface WarmUpOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Reads a model_warmup's input_data_file below the model's folder `warmup`. */
  readonly readSample: (fileName: string) => Promise<Uint8Array>;
  /** How long a run with zeros may take before the load fails: other loads wait for this one. 2 min; Infinity for no limit. */
  readonly runLimitMs?: number;
  /** Lets the event loop turn between two runs of a sample, which may compute on this thread. `setImmediate` by default. */
  readonly nextTurn?: () => Promise<void>;
  /** Turns a batch that is one request into what the model takes; only where that is something else: ragged batching. */
  readonly adapt?: (batch: Batch) => Batch;
}

/** Enough runs for lazy set-up to be over and for placement to be decided; fewer when they are slow. */
const defaultRuns: Runs = { atLeast: 1, atMost: 5, budgetMs: 500 };
/** Enough for one that nothing interrupted. */
const measuringRuns: Runs = { atLeast: 2, atMost: 20, budgetMs: 5 };
/** Sizes between one row and the largest batch are only measured while this lasts: they serve to learn, not to warm up. */
const ladderBudgetMs = 100;
const defaultRunLimitMs = 120_000;
/** A default sample that would be larger is not worth its memory. */
const maxSampleBytes = 16 * 1024 * 1024;
/** A sample that is kept while the model serves. */
const maxKeptBytes = 4 * 1024 * 1024;

/** What warming up leaves behind. */
export interface WarmedUp {
  /** What batches of zeros cost, ascending in rows; the smaller sizes matter most to learning which size pays. */
  readonly costs: readonly RehearsedCost[];
  /** One that is small and ran, for trying the model again after failures. */
  readonly sample: Batch | undefined;
}

/** How often a batch runs: on, until there were enough or the time is up. */
interface Runs {
  readonly atLeast: number;
  readonly atMost: number;
  readonly budgetMs: number;
}

/** Of one configured sample: other loads, and a server that stops, wait for all of them. */
const mostSampleRuns = 10_000;

/** Of an input of a configured sample. */
const maxGivenBytes = 256 * 1024 * 1024;

/**
 * Runs every executor before the model is called ready: with the configuration's model_warmup if there is one, else with
 * zeros at one row, at the largest batch and, while that is quick, at the powers of two in between. Zeros that the model
 * cannot take say nothing against it and are let pass; a configured sample that fails fails the load.
 *
 * @returns what it learned, and one of the batches that ran.
 */
export async function warmUp(
  spec: ModelSpec,
  config: ModelConfig,
  executors: readonly Executor[],
  options: WarmUpOptions,
): Promise<WarmedUp> {
  if (config.model_warmup.length > 0) {
    const batches: Batch[] = [];
    for (const sample of config.model_warmup) batches.push(await runSample(spec, sample, executors, options));
    return { costs: [], sample: keptSample(batches) };
  }
  let ran: readonly Batch[] = [];
  const costs: RehearsedCost[] = [];
  const sizes: number[] = [];
  for (let rows = 1; rows < spec.maxBatchSize; rows *= 2) sizes.push(rows);
  try {
    await rehearse(spec, 1, { executors, runs: defaultRuns }, options);
    ran = [zeroBatch(spec, 1)].filter((batch) => batch !== undefined).map((batch) => adapted(batch, options));
    if (spec.maxBatchSize > 1) {
      const runs = defaultRuns;
      costs.push(...(await rehearse(spec, spec.maxBatchSize, { executors, runs }, options)));
    }
    // One row again: by now memory for the largest batch is there.
    const end = options.clock.now() + ladderBudgetMs;
    for (const rows of sizes) {
      if (options.clock.now() >= end) break;
      const measured = { executors: executors.slice(0, 1), runs: measuringRuns };
      costs.push(...(await rehearse(spec, rows, measured, options)));
    }
  } catch (error) {
    const { message, code } = ServingError.from(error);
    if (code === 'unavailable') throw error;
    options.logger.debug(
      { model: spec.name, version: spec.version, problem: message },
      'the model takes no zeros to warm up with',
    );
  }
  costs.sort((one, other) => one.rows - other.rows);
  return { costs, sample: keptSample(ran) };
}

/** The smallest batch that ran, in memory that threads share, so that a copy for each costs nothing. */
function keptSample(ran: readonly Batch[]): Batch | undefined {
  const sizeOf = ({ inputs }: Batch): number => inputs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const [smallest] = ran.toSorted((one, other) => sizeOf(one) - sizeOf(other));
  if (smallest === undefined || sizeOf(smallest) > maxKeptBytes) return undefined;
  return { ...smallest, inputs: smallest.inputs.map((input) => ({ ...input, parts: [sharedCopy(input)] })) };
}

function sharedCopy({ parts, sizeBytes }: BatchTensor): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(sizeBytes));
  let at = 0;
  for (const part of parts) {
    copy.set(part, at);
    at += part.byteLength;
  }
  return copy;
}

function adapted(batch: Batch, { adapt }: WarmUpOptions): Batch {
  return adapt === undefined ? batch : adapt(batch);
}

interface Rehearsal {
  readonly executors: readonly Executor[];
  readonly runs: Runs;
}

/** @returns the cost of the cheapest run; nothing when the sample is too large, or ran but once, which is never typical. */
async function rehearse(
  spec: ModelSpec,
  rows: number,
  { executors, runs }: Rehearsal,
  options: WarmUpOptions,
): Promise<RehearsedCost[]> {
  const sample = zeroBatch(spec, rows);
  if (sample === undefined) return [];
  const batch = adapted(sample, options);
  let ms = Infinity;
  await Promise.all(
    executors.map(async (executor) => {
      const end = options.clock.now() + runs.budgetMs;
      for (let run = 0; run < runs.atMost && (run < runs.atLeast || options.clock.now() < end); run++) {
        const { inputMs, inferMs, outputMs } = await withinLimit(executor.run(batch), options);
        if (run > 0) ms = Math.min(ms, inputMs + inferMs + outputMs);
      }
    }),
  );
  return ms === Infinity ? [] : [{ rows, ms }];
}

/** A run that has begun cannot be ended: its thread is left behind when the model is closed. */
async function withinLimit<T>(
  run: Promise<T>,
  { clock, runLimitMs = defaultRunLimitMs }: WarmUpOptions,
): Promise<T> {
  if (runLimitMs === Infinity) return run;
  const late = Promise.withResolvers<never>();
  using _timer = clock.after(runLimitMs, () =>
    late.reject(
      new ServingError(
        'unavailable',
        `a first run, with zeros, did not end within ${runLimitMs / 1000} s; give the model a model_warmup`,
        { reason: 'MODEL_LOAD_FAILED' },
      ),
    ),
  );
  // Awaited here: the timer ends with this block.
  const result = await Promise.race([run, late.promise]);
  return result;
}

function zeroBatch(spec: ModelSpec, rows: number): Batch | undefined {
  const inputs = spec.inputs
    .filter(({ optional }) => !optional)
    .map((input) => zeros(input.name, input.datatype, wholeShape(spec, input, rows)));
  const sizeBytes = inputs.reduce((sum, input) => sum + input.sizeBytes, 0);
  if (sizeBytes > maxSampleBytes || inputs.length === 0) return undefined;
  return { inputs, outputs: spec.outputs.map(({ name }) => name), rows, rehearsal: true };
}

function wholeShape(spec: ModelSpec, input: TensorSpec, rows: number): number[] {
  const dims = (input.reshape ?? input.dims).map((dim) => (dim < 0 ? 1 : dim));
  return spec.maxBatchSize > 0 ? [rows, ...dims] : dims;
}

/**
 * An empty string's wire form is a length of zero, so zeros serve for text as well. A lone integer is 1: it is an axis, a
 * size or a rate, and ONNX Runtime never comes back from some operators (an inverse DFT along an axis of one) when it is 0.
 */
function zeros(name: string, datatype: TensorSpec['datatype'], shape: readonly number[]): BatchTensor {
  const sizeBytes = elementCount(shape) * (datatypeSizeBytes[datatype] || 4);
  const data = new Uint8Array(sizeBytes);
  if (shape.length === 0 && /^U?INT/.test(datatype)) data[0] = 1;
  return { name, datatype, shape, parts: [data], sizeBytes };
}

/** @throws ServingError invalid_argument when the model does not take the sample. */
async function runSample(
  spec: ModelSpec,
  sample: WarmupConfig,
  executors: readonly Executor[],
  options: WarmUpOptions,
): Promise<Batch> {
  const rows = spec.maxBatchSize > 0 ? Math.max(1, sample.batch_size) : 1;
  if (rows > Math.max(1, spec.maxBatchSize)) {
    throw wrong(spec, sample, `batch_size ${rows} is more than max_batch_size ${spec.maxBatchSize}`);
  }
  if (sample.count > mostSampleRuns)
    throw wrong(spec, sample, `count ${sample.count} is more than ${mostSampleRuns}`);
  const missing = spec.inputs.find(({ name, optional }) => !optional && sample.inputs[name] === undefined);
  if (missing !== undefined) throw wrong(spec, sample, `there is no input '${missing.name}'`);
  const inputs: BatchTensor[] = [];
  for (const [name, input] of Object.entries(sample.inputs)) {
    const tensor = await sampleInput(
      { spec: spec.inputsByName.get(name), input, rows, batches: spec.maxBatchSize > 0 },
      options,
    );
    if (typeof tensor === 'string') throw wrong(spec, sample, `input '${name}' ${tensor}`);
    inputs.push(tensor);
  }
  const batch = adapted({ inputs, outputs: spec.outputs.map(({ name }) => name), rows }, options);
  const { nextTurn = turnOfEventLoop } = options;
  await Promise.all(
    executors.map(async (executor) => {
      for (let run = 0; run < Math.max(1, sample.count); run++) {
        await executor.run(batch);
        await nextTurn();
      }
    }),
  );
  return batch;
}

function turnOfEventLoop(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

interface SampleInput {
  /** undefined when the model has no such input. */
  readonly spec: TensorSpec | undefined;
  readonly input: WarmupInputConfig;
  readonly rows: number;
  /** The model has a batch dimension before the dims. */
  readonly batches: boolean;
}

/** @returns what is wrong, instead of the tensor, when it cannot be the model's. */
async function sampleInput(
  { spec, input, rows, batches }: SampleInput,
  { readSample }: WarmUpOptions,
): Promise<BatchTensor | string> {
  if (spec === undefined) return 'is not one of the model';
  const { name, datatype } = spec;
  if (datatypeOf(input.data_type) !== datatype)
    return `has data_type ${input.data_type}, the model's is ${datatype}`;
  if (input.dims.some((dim) => dim < 0)) return 'has a dimension below 0';
  const dims = spec.reshape === undefined ? input.dims : reshaped(input.dims, spec.dims, spec.reshape);
  const shape = batches ? [rows, ...dims] : dims;
  const count = elementCount(shape);
  const sizeBytes = count * (datatypeSizeBytes[datatype] || 4);
  if (!(sizeBytes <= maxGivenBytes)) return `has more than ${maxGivenBytes} bytes`;
  const data = await sampleData(input, sizeBytes, readSample);
  if (datatype !== 'BYTES' && data.byteLength !== sizeBytes) {
    return `has ${data.byteLength} bytes of data, its dims need ${sizeBytes}`;
  }
  return { name, datatype, shape, parts: [data], sizeBytes: data.byteLength };
}

/** The configuration's reshape for given dims: its -1 stand for those of the dims, in order. */
function reshaped(given: readonly number[], dims: readonly number[], reshape: readonly number[]): number[] {
  const free = given.filter((_, at) => dims[at] === -1);
  return reshape.map((dim) => (dim === -1 ? (free.shift() ?? 1) : dim));
}

async function sampleData(
  input: WarmupInputConfig,
  sizeBytes: number,
  readSample: (fileName: string) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  if (input.input_data_file !== undefined) return readSample(input.input_data_file);
  const data = new Uint8Array(sizeBytes);
  // Small positive values, and only where any bits are a number; zeros serve for the other types.
  if (input.random_data === true && input.data_type === 'TYPE_FP32') {
    const values = new Float32Array(data.buffer);
    for (let i = 0; i < values.length; i++) values[i] = Math.random();
  }
  return data;
}

function wrong({ name: model }: ModelSpec, { name }: WarmupConfig, problem: string): ServingError {
  return new ServingError('invalid_argument', `model_warmup '${name}' of model '${model}': ${problem}`, {
    reason: 'MODEL_CONFIG',
  });
}
