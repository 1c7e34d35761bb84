import type { ProviderPlan, SessionPlan } from '../inference/executor.ts';
import type { InstanceLimits } from '../inference/target.ts';
import type { AcceleratorConfig, InstanceGroupConfig, ModelConfig } from './config.ts';
import { configError } from './config-message.ts';

/** What the server's options say about every model. */
export interface SessionDefaults {
  readonly placement: SessionPlan['placement'];
  readonly isolation: SessionPlan['isolation'];
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
  { placement, isolation, allowProviderFallback }: SessionDefaults,
): SessionPlan {
  return {
    name: config.name,
    modelPath,
    instances: instances(config),
    intraOpThreads: integerParameter(config, 'intra_op_thread_count'),
    interOpThreads: integerParameter(config, 'inter_op_thread_count'),
    executionMode: switchParameter(config, 'execution_mode', '0') ? 'parallel' : 'sequential',
    graphOptimization: graphOptimization(config),
    memoryArena: switchParameter(config, 'enable_mem_arena', '1'),
    memoryPattern: switchParameter(config, 'enable_mem_pattern', '1'),
    configEntries: configEntries(config),
    placement,
    isolation: isolationOf(config, isolation),
    allowProviderFallback,
  };
}

function instances(config: ModelConfig): readonly ProviderPlan[] {
  const groups = config.instance_group.filter(({ passive }) => !passive);
  if (groups.length === 0) return providersOf(config, { kind: 'KIND_AUTO', count: 1, gpus: [] });
  return groups.flatMap((group) => providersOf(config, group));
}

/** What limits each of those sessions, in their order; none when the configuration limits nothing. */
export function instanceLimitsOf(config: ModelConfig): readonly InstanceLimits[] {
  const groups = config.instance_group.filter(({ passive }) => !passive);
  if (groups.every(({ rate_limiter: limiter }) => limiter === undefined)) return [];
  return groups.flatMap((group) => {
    const { resources = [], priority = 0 } = group.rate_limiter ?? {};
    return providersOf(config, group).map(({ deviceId }) => ({
      deviceId,
      resources,
      // Triton takes 0 for the default.
      priority: Math.max(1, priority),
    }));
  });
}

/**
 * Where the sessions of a group run. KIND_AUTO is a GPU where the group names GPUs or the configuration asks for a GPU accelerator, and the CPU otherwise:
 * whether a model runs on a GPU should not depend on which machine it was started on.
 */
export function instanceKind(
  config: ModelConfig,
  { kind, gpus }: Pick<InstanceGroupConfig, 'kind' | 'gpus'>,
): 'KIND_CPU' | 'KIND_GPU' {
  const auto = gpus.length > 0 || gpuAccelerators(config).length > 0 ? 'KIND_GPU' : 'KIND_CPU';
  if (kind === 'KIND_AUTO') return auto;
  return kind === 'KIND_GPU' ? 'KIND_GPU' : 'KIND_CPU';
}

function gpuAccelerators({ optimization }: ModelConfig): readonly AcceleratorConfig[] {
  return optimization?.execution_accelerators?.gpu_execution_accelerator ?? [];
}

function providersOf(
  config: ModelConfig,
  group: Pick<InstanceGroupConfig, 'kind' | 'count' | 'gpus'>,
): ProviderPlan[] {
  const accelerators = gpuAccelerators(config);
  const onGpu = instanceKind(config, group) === 'KIND_GPU';
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

function isolationOf(config: ModelConfig, usual: SessionPlan['isolation']): SessionPlan['isolation'] {
  const text = config.parameters['isolation']?.string_value ?? usual;
  if (text === 'thread' || text === 'process') return text;
  throw configError(config.name, 'parameters["isolation"]', `expected thread or process, got '${text}'`);
}

/** 0 when it is not given. */
function integerParameter(config: ModelConfig, name: string): number {
  const text = config.parameters[name]?.string_value ?? '0';
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw configError(config.name, `parameters["${name}"]`, `expected a number from 0 to 9999, got '${text}'`);
}

function switchParameter(config: ModelConfig, name: string, absent: '0' | '1'): boolean {
  const text = config.parameters[name]?.string_value ?? absent;
  if (text === '0' || text === '1') return text === '1';
  throw configError(config.name, `parameters["${name}"]`, `expected 0 or 1, got '${text}'`);
}
