import { ServingError } from '../errors.ts';
import type { SessionMetadata, SessionTensor } from '../inference/executor.ts';
import type { Logger } from '../inference/logger.ts';
import type {
  DynamicBatchingConfig,
  InstanceGroupConfig,
  ModelConfig,
  ModelInputConfig,
  ModelOutputConfig,
} from './config.ts';
import { instanceKind } from './session-plan.ts';
import { batchInputNames } from './ragged-config.ts';
import { completeSequences, sequenceInputNames, sequenceOutputNames } from './sequence-config.ts';
import { configDatatype, couldBatch, shapeOf } from './model-shape.ts';

export interface CompletionOptions {
  readonly model: string;
  /** Largest batch of models that can batch but do not say how far; 0 turns batching off for them. */
  readonly defaultMaxBatchSize: number;
  readonly logger: Logger;
}

const plainBatching: DynamicBatchingConfig = {
  preferred_batch_size: [],
  max_queue_delay_microseconds: 0,
  preserve_ordering: false,
  priority_levels: 0,
  default_priority_level: 0,
  priority_queue_policy: {},
};

/**
 * Fills what a configuration leaves out from what the ONNX file declares, by Triton's rules: a model batches when all its
 * inputs and outputs have a first dimension of any size. What is given stays as given.
 *
 * @throws ServingError invalid_argument when the model has nothing that can be served.
 */
export function completeConfig(
  given: ModelConfig,
  metadata: SessionMetadata,
  { model, defaultMaxBatchSize, logger }: CompletionOptions,
): ModelConfig {
  const complete = given.input.length > 0 && given.output.length > 0;
  const batches = couldBatch(metadata);
  if (!complete && given.max_batch_size > 0 && !batches) {
    throw new ServingError(
      'invalid_argument',
      `autofill failed for model '${model}': model does not support batching while non-zero max_batch_size is specified`,
      { reason: 'MODEL_CONFIG' },
    );
  }
  const unset = !complete && given.max_batch_size === 0 && batches;
  const maxBatchSize = unset ? defaultMaxBatchSize : given.max_batch_size;
  const scheduled =
    given.dynamic_batching ??
    given.sequence_batching ??
    given.ensemble_scheduling ??
    (complete ? {} : undefined);
  return {
    ...given,
    name: model,
    platform: 'onnxruntime_onnx',
    backend: 'onnxruntime',
    max_batch_size: maxBatchSize,
    version_policy: given.version_policy ?? { latest: { num_versions: 1 } },
    default_model_filename: given.default_model_filename === '' ? 'model.onnx' : given.default_model_filename,
    instance_group: completeGroups(given, model),
    input: completeInputs(given, metadata, maxBatchSize, model),
    output: completeOutputs(given, metadata, maxBatchSize, { model, logger }),
    ...completeSequences(given),
    ...(scheduled === undefined && maxBatchSize > 1 ? { dynamic_batching: plainBatching } : {}),
  };
}

/** One instance by default: ONNX Runtime uses all cores for one, and a second would halve them. */
function completeGroups(given: ModelConfig, model: string): InstanceGroupConfig[] {
  const groups: readonly InstanceGroupConfig[] =
    given.instance_group.length > 0
      ? given.instance_group
      : [{ name: model, kind: 'KIND_AUTO', count: 1, gpus: [], passive: false }];
  return groups.map((group, index) => ({
    ...group,
    name: group.name === '' ? `${model}_${index}` : group.name,
    kind: instanceKind(given, group),
    count: Math.max(1, group.count),
  }));
}

function completeInputs(
  given: ModelConfig,
  { inputs }: SessionMetadata,
  maxBatchSize: number,
  model: string,
): ModelInputConfig[] {
  const stranger = inputs.find(({ datatype }) => datatype === undefined);
  if (stranger !== undefined) {
    throw unservable(
      `model '${model}': input '${stranger.name}' is a sequence, a map or an optional, not a tensor`,
    );
  }
  const own = new Set([...batchInputNames(given), ...sequenceInputNames(given)]);
  const sent = inputs.filter(({ name }) => !own.has(name));
  const named = given.input.length > 0 ? given.input : sent.map(({ name }) => emptyInput(name));
  return named.map((input) => {
    const declared = inputs.find(({ name }) => name === input.name);
    if (declared === undefined) return input;
    // The model takes its elements in one dimension, whatever its requests look like.
    const known = input.allow_ragged_batch && input.dims.length === 0 ? { ...input, dims: [-1] } : input;
    return { ...known, ...filled(known, declared, maxBatchSize) };
  });
}

function completeOutputs(
  given: ModelConfig,
  { outputs }: SessionMetadata,
  maxBatchSize: number,
  { model, logger }: Pick<CompletionOptions, 'model' | 'logger'>,
): ModelOutputConfig[] {
  const strangers = outputs.filter(({ datatype }) => datatype === undefined).map(({ name }) => name);
  const hint = 'export scikit-learn classifiers with the option zipmap=False';
  if (given.output.length > 0) {
    const asked = given.output.find(({ name }) => strangers.includes(name));
    if (asked !== undefined) {
      throw unservable(
        `model '${model}': output '${asked.name}' is a sequence or a map, not a tensor; ${hint}`,
      );
    }
  } else if (strangers.length > 0) {
    if (strangers.length === outputs.length) {
      throw unservable(`model '${model}': no output is a tensor; ${hint}`);
    }
    logger.warn({ model, outputs: strangers }, `outputs that are no tensors are not served; ${hint}`);
  }
  const tensors = outputs.filter(({ datatype }) => datatype !== undefined);
  const states = new Set(sequenceOutputNames(given));
  const seen = tensors.filter(({ name }) => !states.has(name));
  const named = given.output.length > 0 ? given.output : seen.map(({ name }) => emptyOutput(name));
  return named.map((output) => {
    const own = tensors.find(({ name }) => name === output.name);
    return own === undefined ? output : { ...output, ...filled(output, own, maxBatchSize) };
  });
}

type Filled = Pick<ModelInputConfig, 'data_type' | 'dims' | 'reshape'>;

/** Datatype and dims where they were not given. A scalar beside batched tensors has one element per row. */
function filled(given: Filled, own: SessionTensor, maxBatchSize: number): Filled {
  const data_type =
    given.data_type === 'TYPE_INVALID' && own.datatype !== undefined
      ? configDatatype(own.datatype)
      : given.data_type;
  if (given.dims.length > 0) return { ...given, data_type };
  const dims = shapeOf(own).slice(maxBatchSize > 0 ? 1 : 0);
  if (dims.length > 0 || maxBatchSize === 0 || given.reshape !== undefined)
    return { ...given, data_type, dims };
  return { data_type, dims: [1], reshape: { shape: [] } };
}

/** An input of which only the name is known. */
export function emptyInput(name: string): ModelInputConfig {
  return {
    name,
    data_type: 'TYPE_INVALID',
    format: 'FORMAT_NONE',
    dims: [],
    is_shape_tensor: false,
    allow_ragged_batch: false,
    optional: false,
    is_non_linear_format_io: false,
  };
}

/** An output of which only the name is known. */
export function emptyOutput(name: string): ModelOutputConfig {
  return {
    name,
    data_type: 'TYPE_INVALID',
    dims: [],
    label_filename: '',
    is_shape_tensor: false,
    is_non_linear_format_io: false,
  };
}

function unservable(message: string): ServingError {
  return new ServingError('invalid_argument', message, { reason: 'MODEL_UNSERVABLE' });
}
