import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ServingError } from '../errors.ts';
import type { OpenedModel, OpenModel, SessionPlan } from '../inference/executor.ts';
import type { OpenedProcessing } from '../inference/processing.ts';
import type { EnsembleRules } from '../inference/ensemble.ts';
import type { Logger } from '../inference/logger.ts';
import type { RoutingTable } from '../inference/routing-table.ts';
import type { Monitor, MonitoringPlan } from '../inference/monitoring.ts';
import type { ModelSpec, TensorSpec } from '../inference/model-spec.ts';
import type { InstanceLimits, JoinRequests, Scheduling, Target } from '../inference/target.ts';
import type { Clock } from '../util/clock.ts';
import { checkBatching, type CompareRows } from './check-batching.ts';
import { checkConfig } from './check-config.ts';
import { checkPadding, checkRaggedBatch } from './check-mixed-sizes.ts';
import { checkSession } from './check-session.ts';
import { completeConfig } from './complete-config.ts';
import type { ModelConfig, ModelInputConfig, ModelOutputConfig } from './config.ts';
import { configError } from './config-message.ts';
import { contentDigest } from './content-digest.ts';
import { featureFilePath, readFeatures } from './feature-file.ts';
import { datatypeOf } from './model-shape.ts';
import { checkDigest } from './monitoring-file.ts';
import { randomOperator } from './random-operators.ts';
import {
  readLabels,
  readModelFile,
  type ModelFiles,
  type ModelSource,
  type VersionSource,
} from './model-source.ts';
import { isIterative } from './iteration-config.ts';
import { estimateMemory, type MemoryBudget } from './memory-budget.ts';
import { findProcessing, processedConfig, processedSpec, processingFiles } from './processing-file.ts';
import { requestOf } from './sample-request.ts';
import { schedulingOf } from './scheduling.ts';
import { loadSequences } from './load-sequences.ts';
import { sequenceScheduling, slotsAreRows, wholeConfig } from './sequence-config.ts';
import { instanceLimitsOf, sessionPlanOf, type SessionDefaults } from './session-plan.ts';
import { stepStatistics } from './step-statistics.ts';
import type { ModelCounters, ServedVersion } from './version-state.ts';
import { warmUp } from './warm-up.ts';

const maxSampleBytes = 256 * 1024 * 1024;

/** What loading needs from the rest of the server. */
export interface LoadTools extends SessionDefaults {
  readonly openModel: OpenModel;
  readonly createStatistics: (name: string, version: string) => ModelCounters;
  /** Compares what a batch gave with what its rows gave alone; '' when they agree, else why not. */
  readonly compareRows: CompareRows;
  readonly joinRequests: JoinRequests;
  /**
   * Takes the instances of a model into the rate limiter until they are closed; left out where there is none.
   *
   * @throws ServingError invalid_argument when one of them could never run.
   */
  readonly limitInstances?: (limits: readonly InstanceLimits[]) => Disposable;
  readonly memory: MemoryBudget;
  /** Requests of this target must not share a batch, for this reason. */
  readonly onNotBatchable: (target: Target, reason: string) => void;
  /** Why models with sequences of many requests cannot be served; left out where they can. */
  readonly sequencesProblem?: string;
  /** Modules beside models are run; otherwise models that have one are refused. */
  readonly allowProcessing: boolean;
  /** Watches a version's answers; left out where nobody does. */
  readonly createMonitor?: CreateMonitor;
  readonly ensembles: EnsembleRules;
  /** Stands for the sessions of a version that has none. */
  readonly openEnsemble: () => Promise<OpenedModel>;
  /** What can be routed to now. */
  readonly routes: () => RoutingTable;
  readonly defaultMaxBatchSize: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** @throws ServingError where what is watched does not go with the model. */
export type CreateMonitor = (spec: ModelSpec, plan: MonitoringPlan) => Promise<Monitor>;

/** Who watches the answers of a version; undefined where its file does not ask for it. */
export async function monitorOf(
  spec: ModelSpec,
  { createMonitor }: Pick<LoadTools, 'createMonitor'>,
): Promise<Monitor | undefined> {
  const plan = spec.features?.monitoring;
  return plan && createMonitor?.(spec, plan);
}

/** A version found in the repository, with the configuration that is to hold for it. */
export interface LoadRequest {
  readonly source: ModelSource;
  readonly version: VersionSource;
  /** As given, checked; not yet completed from the model. */
  readonly config: ModelConfig;
  readonly files: ModelFiles;
  readonly stamp: string;
}

/**
 * Opens, completes, checks and warms one version. When it resolves, the version can be routed to at once.
 *
 * @throws ServingError; nothing is left open then.
 */
export async function loadVersion(
  { source, version, config: given, files, stamp }: LoadRequest,
  tools: LoadTools,
): Promise<ServedVersion> {
  const { clock, logger, defaultMaxBatchSize } = tools;
  const startedAt = clock.now();
  if (given.sequence_batching !== undefined && !isIterative(given) && tools.sequencesProblem !== undefined) {
    throw configError(source.name, 'sequence_batching', tools.sequencesProblem);
  }
  const plan = sessionPlanOf({ ...given, name: source.name }, files.modelPath, tools);
  const processing = await findProcessing(source, version.version, given, tools.allowProcessing);
  const memoryBytes = await estimateMemory(given, plan, files.files);
  const opened = await openLimited({ plan: { ...plan, processing }, config: given, memoryBytes }, tools);
  try {
    const config = completeConfig(given, opened.metadata, {
      model: source.name,
      defaultMaxBatchSize,
      logger,
    });
    // Again: what was left out may not go with what was given.
    checkConfig(config, source.name);
    const whole = wholeConfig(config, opened.metadata);
    checkSession(whole, opened.metadata);
    const spec = await (processing === undefined ? specOf : modelSpec)(whole, source, version.version, files);
    const scheduling = sequenceScheduling(config, schedulingOf(config));
    const { costs: rehearsed, sample } = await warmUp(spec, config, opened.executors, {
      clock,
      logger,
      readSample: (fileName) => readSample(source, fileName),
      // TensorRT may build its engine in the first run, for as long as that takes.
      ...(plan.instances.some(({ name }) => name === 'tensorrt') ? { runLimitMs: Infinity } : {}),
      ...(scheduling.ragged === undefined
        ? {}
        : { adapt: (batch) => tools.joinRequests({ spec, scheduling }, [requestOf(batch)]).batch }),
    });
    const counters = tools.createStatistics(spec.name, spec.version);
    const target: Target = {
      spec,
      scheduling: await checkSizes(spec, scheduling, opened, tools),
      executors: opened.executors,
      statistics: isIterative(config) || processing !== undefined ? stepStatistics(counters) : counters,
      rehearsed,
      sample,
      monitor: await monitorOf(spec, tools),
    };
    const rowsProblem = await checkRows(target, opened, tools, slotsAreRows(config));
    const served: Target =
      config.sequence_batching === undefined
        ? target
        : {
            ...target,
            statistics: counters,
            spec: await specOf(config, source, version.version, files),
            sequences: await loadSequences(config, source, target, rowsProblem),
          };
    const loaded = { target: served, config, opened, counters, stamp };
    const result =
      opened.processing === undefined
        ? loaded
        : await behindModule(loaded, opened.processing, { source, files, tools });
    return { ...result, loadMs: clock.now() - startedAt };
  } catch (error) {
    await opened[Symbol.asyncDispose]();
    throw error;
  }
}

/** The model as clients see it: its requests pass the module, and it takes and gives what the module says. */
async function behindModule(
  loaded: Omit<ServedVersion, 'loadMs'>,
  processing: OpenedProcessing,
  { source, files, tools }: Pick<LoadRequest, 'source' | 'files'> & { readonly tools: LoadTools },
): Promise<Omit<ServedVersion, 'loadMs'>> {
  const { target, counters } = loaded;
  const config = processedConfig(loaded.config, processing.declaration);
  const plain = await modelSpec(config, source, target.spec.version, files);
  const spec = await withFeatures(await processedSpec(plain, processing.declaration, source), source, files);
  const outer: Target = {
    ...target,
    spec,
    statistics: counters,
    processing: { ...processing, model: target },
    monitor: await monitorOf(spec, tools),
  };
  return { ...loaded, config, target: outer };
}

interface Opening {
  readonly plan: SessionPlan;
  readonly config: ModelConfig;
  readonly memoryBytes: number;
}

/** Opens the sessions, counted by the rate limiter and the memory budget as long as they are open. */
async function openLimited({ plan, config, memoryBytes }: Opening, tools: LoadTools): Promise<OpenedModel> {
  const { openModel, limitInstances, memory } = tools;
  using undo = new DisposableStack();
  undo.use(memory.reserve(memoryBytes));
  if (limitInstances !== undefined) undo.use(limitInstances(instanceLimitsOf(config)));
  const opened = await openModel(plan);
  const admitted = undo.move();
  return {
    metadata: opened.metadata,
    executors: opened.executors,
    processing: opened.processing,
    async [Symbol.asyncDispose]() {
      await opened[Symbol.asyncDispose]();
      admitted[Symbol.dispose]();
    },
  };
}

/** @returns why rows cannot be told apart; '' when they can, or never meet. */
async function checkRows(
  target: Target,
  { executors }: OpenedModel,
  tools: LoadTools,
  rowsMeet: boolean,
): Promise<string> {
  const [executor] = executors;
  if (!(target.scheduling.dynamicBatching || rowsMeet) || executor === undefined) return '';
  const reason =
    target.scheduling.ragged === undefined
      ? await checkBatching(target.spec, executor, tools.compareRows)
      : await checkRaggedBatch(target, executor, tools);
  if (reason === '') return '';
  const { name: model, version } = target.spec;
  tools.logger.warn({ model, version, reason }, 'requests of this model are not batched');
  tools.onNotBatchable(target, reason);
  return reason;
}

/** The scheduling without its padding when the model does not bear it. */
async function checkSizes(
  spec: ModelSpec,
  scheduling: Scheduling,
  { executors }: OpenedModel,
  tools: LoadTools,
): Promise<Scheduling> {
  const [executor] = executors;
  if (scheduling.padding.length === 0 || executor === undefined) return scheduling;
  const reason = scheduling.dynamicBatching
    ? await checkPadding({ spec, scheduling }, executor, tools)
    : 'requests of this model are not batched';
  if (reason === '') return scheduling;
  tools.logger.warn(
    { model: spec.name, version: spec.version, reason },
    'requests of this model are not padded',
  );
  return { ...scheduling, padding: [], paddingOffReason: reason };
}

/** What the stages see of a complete configuration. @throws ServingError invalid_argument for labels that cannot be read. */
export async function specOf(
  config: ModelConfig,
  source: ModelSource,
  version: string,
  files: ModelFiles,
): Promise<ModelSpec> {
  const spec = await modelSpec(config, source, version, files);
  // Requests of a sequence need more than features, and its model more inputs than clients send.
  return config.sequence_batching === undefined ? withFeatures(spec, source, files) : spec;
}

async function withFeatures(
  spec: ModelSpec,
  source: ModelSource,
  { modelPath }: ModelFiles,
): Promise<ModelSpec> {
  const features = await readFeatures(source, spec.version, spec);
  await checkDigest(features?.card, { model: spec.name, version: spec.version, modelPath });
  return { ...spec, features };
}

async function modelSpec(
  config: ModelConfig,
  source: ModelSource,
  version: string,
  files: ModelFiles,
): Promise<ModelSpec> {
  const inputs = config.input.map((input) => inputSpec(input));
  const outputs = await Promise.all(config.output.map((output) => outputSpec(output, source)));
  const content = await contentDigest(files.files);
  return {
    name: source.name,
    version,
    digest: createHash('sha256').update(content).update(JSON.stringify(config)).digest('hex'),
    platform: config.platform,
    maxBatchSize: config.max_batch_size,
    decoupled: config.model_transaction_policy?.decoupled ?? false,
    inputs,
    outputs,
    inputsByName: new Map(inputs.map((input) => [input.name, input])),
    outputsByName: new Map(outputs.map((output) => [output.name, output])),
    features: undefined,
    fallsBack: fallsBack(config),
    caching:
      config.response_cache?.enable === true
        ? { randomOperator: await randomOperator(files.modelPath) }
        : undefined,
  };
}

/** @throws ServingError invalid_argument */
function fallsBack({ name, parameters }: ModelConfig): boolean {
  const text = parameters['breaker_fallback']?.string_value ?? 'none';
  if (text === 'none' || text === 'version') return text === 'version';
  throw configError(name, 'parameters["breaker_fallback"]', `expected version or none, got '${text}'`);
}

function inputSpec(input: ModelInputConfig): TensorSpec {
  return {
    ...commonSpec(input),
    optional: input.optional,
    allowRagged: input.allow_ragged_batch,
    labels: [],
  };
}

async function outputSpec(output: ModelOutputConfig, source: ModelSource): Promise<TensorSpec> {
  const labels = output.label_filename === '' ? [] : await readLabels(source, output.label_filename);
  return { ...commonSpec(output), optional: false, allowRagged: false, labels };
}

function commonSpec(
  tensor: ModelInputConfig | ModelOutputConfig,
): Pick<TensorSpec, 'name' | 'datatype' | 'dims' | 'reshape'> {
  const datatype = datatypeOf(tensor.data_type);
  if (datatype === undefined) throw new Error('bug: the datatype was not checked');
  return { name: tensor.name, datatype, dims: tensor.dims, reshape: tensor.reshape?.shape };
}

async function readSample(source: ModelSource, fileName: string): Promise<Uint8Array> {
  try {
    return await readModelFile(source, `warmup/${fileName}`, maxSampleBytes);
  } catch (error) {
    const { message, cause } = ServingError.from(error);
    throw new ServingError('invalid_argument', `model_warmup of model '${source.name}': ${message}`, {
      reason: 'MODEL_CONFIG',
      cause,
    });
  }
}

/** Changes when any of the files that answers depend on, or the text of the configuration, may have changed. */
export async function versionStamp(
  source: ModelSource,
  { files }: ModelFiles,
  config: ModelConfig,
  configText: string,
): Promise<string> {
  const hash = createHash('sha256').update(configText);
  const labels = config.output.flatMap(({ label_filename: file }) =>
    file === '' ? [] : [join(source.folder, file)],
  );
  const featureFile = await featureFilePath(source);
  const more = featureFile === undefined ? labels : [...labels, featureFile];
  for (const file of [...files, ...more, ...(await processingFiles(source))]) {
    // What is missing is refused when it is read.
    const found = await stat(file).catch(() => undefined);
    hash.update(`\n${file}:${found?.size}:${found?.mtimeMs}:${found?.ino}`);
  }
  return hash.digest('hex');
}
