import { ServingError } from '../errors.ts';
import type {
  DynamicBatchingConfig,
  InstanceGroupConfig,
  ModelConfig,
  ModelInputConfig,
  ModelOutputConfig,
  QueuePolicyConfig,
} from './config.ts';
import { configError } from './config-message.ts';
import { checkEnsembleConfig } from './ensemble-config.ts';
import { checkRagged } from './ragged-config.ts';
import { checkSequences, unsupportedSequences } from './sequence-config.ts';
import { checkVersionLabels } from './version-labels.ts';

/** Each is a session with memory and a thread of its own; beyond this somebody mistyped. */
const mostInstances = 64;

/**
 * Checks what a configuration says, without the model: Triton's rules for its fields.
 *
 * @throws ServingError invalid_argument
 */
export function checkConfig(config: ModelConfig, model: string): void {
  const wrong = (path: string, problem: string): ServingError => configError(model, path, problem);
  if (config.name !== '' && config.name !== model) {
    throw wrong('name', `is '${config.name}', but the model's folder is '${model}'`);
  }
  const ensemble = config.platform === 'ensemble' || config.ensemble_scheduling !== undefined;
  if (ensemble) checkEnsembleConfig(config, wrong);
  else if (
    !['', 'onnxruntime'].includes(config.backend) ||
    !['', 'onnxruntime_onnx'].includes(config.platform)
  ) {
    throw wrong(
      'backend',
      'this server runs ONNX models (backend "onnxruntime" or platform "onnxruntime_onnx") and ensembles (platform "ensemble")',
    );
  }
  if (config.max_batch_size < 0) throw wrong('max_batch_size', 'must be 0 or more');
  config.input.forEach((input, index) =>
    checkTensor(config, input, (problem) => wrong(`input[${index}]`, problem)),
  );
  config.output.forEach((output, index) =>
    checkTensor(config, output, (problem) => wrong(`output[${index}]`, problem)),
  );
  checkUnique(
    [...config.input].map(({ name }) => name),
    (name) => wrong('input', `'${name}' is given twice`),
  );
  checkUnique(
    [...config.output].map(({ name }) => name),
    (name) => wrong('output', `'${name}' is given twice`),
  );
  checkRagged(config, wrong);
  checkSequences(config, wrong);
  checkVersionLabels(config, wrong);
  if (config.dynamic_batching !== undefined) checkDynamicBatching(config, config.dynamic_batching, wrong);
  config.instance_group.forEach((group, index) =>
    checkInstances(group, (problem) => wrong(`instance_group[${index}]`, problem)),
  );
  const policy = config.version_policy;
  if (policy?.specific?.versions.length === 0) throw wrong('version_policy.specific', 'names no version');
  if (config.response_cache?.enable === true && config.model_transaction_policy?.decoupled === true) {
    throw wrong('response_cache', 'cannot be enabled for a decoupled model');
  }
  if (config.response_cache?.enable === true && config.sequence_batching !== undefined) {
    throw wrong('response_cache', 'cannot be enabled beside sequence_batching');
  }
}

/**
 * Refuses what is valid but not executed by this server, instead of serving something else than was asked for.
 *
 * @throws ServingError invalid_argument
 */
export function refuseUnsupported(config: ModelConfig, model: string): void {
  const sequences = unsupportedSequences(config);
  const unsupported: readonly (readonly [boolean, string])[] = [
    [sequences !== undefined, sequences ?? ''],
    [
      config.sequence_batching !== undefined && config.batch_input.length > 0,
      'batch_input beside sequence_batching',
    ],
    [Object.keys(config.cc_model_filenames).length > 0, 'cc_model_filenames'],
    [config.input.some((input) => input.is_shape_tensor), 'input.is_shape_tensor'],
    [config.output.some((output) => output.is_shape_tensor), 'output.is_shape_tensor'],
    [config.input.some((input) => input.is_non_linear_format_io), 'input.is_non_linear_format_io'],
    [config.output.some((output) => output.is_non_linear_format_io), 'output.is_non_linear_format_io'],
    [(config.model_operations?.op_library_filename.length ?? 0) > 0, 'model_operations.op_library_filename'],
    [
      (config.optimization?.execution_accelerators?.cpu_execution_accelerator.length ?? 0) > 0,
      'optimization.execution_accelerators.cpu_execution_accelerator',
    ],
    [(config.model_repository_agents?.agents.length ?? 0) > 0, 'model_repository_agents'],
    [
      config.response_cache?.enable === true && config.ensemble_scheduling !== undefined,
      'response_cache of an ensemble',
    ],
  ];
  for (const [present, field] of unsupported) {
    if (present) {
      throw new ServingError(
        'invalid_argument',
        `configuration of model '${model}': ${field} is not supported by this server`,
        {
          reason: 'MODEL_CONFIG_UNSUPPORTED',
        },
      );
    }
  }
}

function checkTensor(
  { max_batch_size: maxBatchSize }: ModelConfig,
  tensor: ModelInputConfig | ModelOutputConfig,
  wrong: (problem: string) => ServingError,
): void {
  if (tensor.name === '') throw wrong('needs a name');
  for (const dim of tensor.dims) {
    // Zero is a size like another: ONNX files declare empty lists of axes so.
    if (dim < -1) throw wrong(`dims must be 0 or more, or -1 for any size, got ${dim}`);
  }
  const reshape = tensor.reshape?.shape;
  if (reshape === undefined) return;
  if (reshape.length === 0 && maxBatchSize === 0 && tensor.dims.some((dim) => dim !== 1)) {
    throw wrong('an empty reshape needs dims of one element');
  }
  const wildcards = (dims: readonly number[]): number => dims.filter((dim) => dim === -1).length;
  const fixed = (dims: readonly number[]): number =>
    dims.reduce((count, dim) => (dim === -1 ? count : count * dim), 1);
  if (wildcards(reshape) !== wildcards(tensor.dims)) throw wrong('reshape must have as many -1 as dims');
  if (fixed(reshape) !== fixed(tensor.dims)) throw wrong('reshape must have as many elements as dims');
}

function checkInstances(
  { kind, count, gpus, rate_limiter: limiter }: InstanceGroupConfig,
  wrong: (problem: string) => ServingError,
): void {
  const names = limiter?.resources.map(({ name }) => name) ?? [];
  if (names.includes('')) throw wrong('rate_limiter: a resource needs a name');
  checkUnique(names, (name) => wrong(`rate_limiter: resource '${name}' is given twice`));
  if (count < 0 || count > mostInstances) {
    throw wrong(`count must be 0 (the default) to ${mostInstances}, got ${count}`);
  }
  if (gpus.some((gpu) => gpu < 0)) throw wrong('gpus are numbers of 0 or more');
  if (gpus.length > 0 && (kind === 'KIND_CPU' || kind === 'KIND_MODEL')) {
    throw wrong(`has kind ${kind} but specifies one or more GPUs`);
  }
}

function checkUnique(names: readonly string[], wrong: (name: string) => ServingError): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw wrong(twice);
}

function checkDynamicBatching(
  { max_batch_size: maxBatchSize }: ModelConfig,
  batching: DynamicBatchingConfig,
  wrong: (path: string, problem: string) => ServingError,
): void {
  for (const size of batching.preferred_batch_size) {
    if (size < 1) throw wrong('dynamic_batching.preferred_batch_size', `must be 1 or more, got ${size}`);
    if (maxBatchSize > 0 && size > maxBatchSize) {
      throw wrong(
        'dynamic_batching.preferred_batch_size',
        `must be at most max_batch_size ${maxBatchSize}, got ${size}`,
      );
    }
  }
  const levels = batching.priority_levels;
  const initial = batching.default_priority_level;
  if (levels > 0 && (initial < 1 || initial > levels)) {
    throw wrong(
      'dynamic_batching.default_priority_level',
      `must be 1 to priority_levels ${levels}, got ${initial}`,
    );
  }
  const policies: QueuePolicyConfig[] = Object.entries(batching.priority_queue_policy).map(
    ([level, policy]) => {
      if (Number(level) < 1 || Number(level) > levels) {
        throw wrong(
          'dynamic_batching.priority_queue_policy',
          `level ${level} is not 1 to priority_levels ${levels}`,
        );
      }
      return policy;
    },
  );
  if (batching.default_queue_policy !== undefined) policies.push(batching.default_queue_policy);
  if (batching.preserve_ordering && levels > 1) {
    throw wrong('dynamic_batching.preserve_ordering', 'cannot stand beside more than one priority level');
  }
  if (batching.preserve_ordering && policies.some((policy) => policy.timeout_action === 'DELAY')) {
    throw wrong('dynamic_batching.preserve_ordering', 'cannot stand beside timeout_action DELAY');
  }
}
