import type { ProviderPlan, SessionPlan } from '../inference/executor.ts';
import type { AcceleratorConfig, InstanceGroupConfig, ModelConfig } from './config.ts';
import { configError } from './config-message.ts';

/** What the server's options say about every model. */
export interface SessionDefaults {
  readonly placement: SessionPlan['placement'];
  readonly allowProviderFallback: boolean;
}

/** Parameters of Triton's ONNX Runtime backend that are options of the CUDA provider. */
const cudaParameters = [
  'cudnn_conv_algo_search',
  'gpu_mem_limit',
  'arena_extend_strategy',
  'do_copy_in_default_stream',
] as const;

/** How a model's sessions are to be opened, from its configuration. @throws ServingError invalid_argument */
export function sessionPlanOf(
  config: ModelConfig,
  modelPath: string,
  { placement, allowProviderFallback }: SessionDefaults,
): SessionPlan {
  return {
    modelPath,
    instances: instances(config),
    intraOpThreads: integerParameter(config, 'intra_op_thread_count', 0),
    interOpThreads: integerParameter(config, 'inter_op_thread_count', 0),
    executionMode: integerParameter(config, 'execution_mode', 0) === 1 ? 'parallel' : 'sequential',
    graphOptimization: graphOptimization(config),
    memoryArena: switchParameter(config, 'enable_mem_arena'),
    memoryPattern: switchParameter(config, 'enable_mem_pattern'),
    configEntries: configEntries(config),
    placement,
    allowProviderFallback,
  };
}

function instances(config: ModelConfig): readonly ProviderPlan[] {
  const groups = config.instance_group.filter(({ passive }) => !passive);
  if (groups.length === 0) return providersOf(config, { kind: 'KIND_AUTO', count: 1, gpus: [] });
  return groups.flatMap((group) => providersOf(config, group));
}

/**
 * KIND_AUTO is a GPU where the group names GPUs or the configuration asks for a GPU accelerator, and the CPU otherwise:
 * whether a model runs on a GPU should not depend on which machine it was started on.
 */
function providersOf(
  config: ModelConfig,
  group: Pick<InstanceGroupConfig, 'kind' | 'count' | 'gpus'>,
): ProviderPlan[] {
  const accelerators = config.optimization?.execution_accelerators?.gpu_execution_accelerator ?? [];
  const onGpu =
    group.kind === 'KIND_GPU' ||
    (group.kind === 'KIND_AUTO' && (group.gpus.length > 0 || accelerators.length > 0));
  const count = Math.max(1, group.count);
  if (!onGpu) return Array.from({ length: count }, () => ({ name: 'cpu', deviceId: 0, options: {} }));
  const { name, options } = gpuProvider(config, accelerators);
  const devices = group.gpus.length > 0 ? group.gpus : [0];
  return devices.flatMap((deviceId) => Array.from({ length: count }, () => ({ name, deviceId, options })));
}

function gpuProvider(
  config: ModelConfig,
  accelerators: readonly AcceleratorConfig[],
): Pick<ProviderPlan, 'name' | 'options'> {
  const tensorrt = accelerators.find(({ name }) => name === 'tensorrt');
  if (tensorrt !== undefined) return { name: 'tensorrt', options: tensorrt.parameters };
  const stranger = accelerators.find(({ name }) => name !== 'cuda');
  if (stranger !== undefined) {
    throw configError(
      config.name,
      'optimization',
      `gpu accelerator '${stranger.name}' is not one of tensorrt, cuda`,
    );
  }
  const options: Record<string, string> = {};
  for (const { parameters } of accelerators) Object.assign(options, parameters);
  for (const name of cudaParameters) {
    const value = config.parameters[name]?.string_value;
    if (value !== undefined) options[name] = value;
  }
  return { name: 'cuda', options };
}

/** Triton's numbers: absent or 0 is everything, -1 basic, 1 extended, 2 nothing. */
function graphOptimization(config: ModelConfig): SessionPlan['graphOptimization'] {
  const level = config.optimization?.graph?.level ?? 0;
  if (level === -1) return 'basic';
  if (level === 1) return 'extended';
  return level >= 2 ? 'disabled' : 'all';
}

/** `session.*` entries go to ONNX Runtime as they are; the executor checks their names. */
function configEntries(config: ModelConfig): Record<string, string> {
  const entries: Record<string, string> = {};
  for (const [name, { string_value: value }] of Object.entries(config.parameters)) {
    if (name.startsWith('session.')) entries[name] = value;
  }
  return entries;
}

function integerParameter(config: ModelConfig, name: string, absent: number): number {
  const text = config.parameters[name]?.string_value;
  if (text === undefined) return absent;
  if (!/^\d{1,4}$/.test(text))
    throw configError(
      config.name,
      `parameters["${name}"]`,
      `expected a number from 0 to 9999, got '${text}'`,
    );
  return Number(text);
}

/** On unless given as 0. */
function switchParameter(config: ModelConfig, name: string): boolean {
  return integerParameter(config, name, 1) !== 0;
}
