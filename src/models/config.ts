import type { EnsembleConfig } from '../inference/ensemble.ts';
import type { BatchInputKind } from '../inference/target.ts';

/**
 * inference.ModelConfig with the proto's own field names, complete: every scalar and list is present with the proto's
 * default, an absent message is undefined. It is at once what the ModelConfig rpc and the HTTP configuration print.
 */
export interface ModelConfig {
  readonly name: string;
  readonly platform: string;
  readonly backend: string;
  readonly runtime: string;
  readonly version_policy?: VersionPolicyConfig;
  readonly max_batch_size: number;
  readonly input: readonly ModelInputConfig[];
  readonly output: readonly ModelOutputConfig[];
  readonly batch_input: readonly BatchInputConfig[];
  readonly batch_output: readonly BatchOutputConfig[];
  readonly instance_group: readonly InstanceGroupConfig[];
  readonly default_model_filename: string;
  readonly cc_model_filenames: Readonly<Record<string, string>>;
  readonly metric_tags: Readonly<Record<string, string>>;
  readonly optimization?: OptimizationConfig;
  readonly dynamic_batching?: DynamicBatchingConfig;
  readonly sequence_batching?: SequenceBatchingConfig;
  readonly ensemble_scheduling?: EnsembleConfig;
  readonly parameters: Readonly<Record<string, { readonly string_value: string }>>;
  readonly model_warmup: readonly WarmupConfig[];
  readonly model_operations?: { readonly op_library_filename: readonly string[] };
  readonly model_transaction_policy?: { readonly decoupled: boolean };
  readonly response_cache?: { readonly enable: boolean };
  readonly model_repository_agents?: { readonly agents: readonly object[] };
}

export interface VersionPolicyConfig {
  readonly latest?: { readonly num_versions: number };
  readonly all?: object;
  readonly specific?: { readonly versions: readonly number[] };
}

export interface ModelInputConfig {
  readonly name: string;
  readonly data_type: string;
  readonly format: string;
  readonly dims: readonly number[];
  readonly reshape?: { readonly shape: readonly number[] };
  readonly is_shape_tensor: boolean;
  readonly allow_ragged_batch: boolean;
  readonly optional: boolean;
  readonly is_non_linear_format_io: boolean;
}

export interface ModelOutputConfig {
  readonly name: string;
  readonly data_type: string;
  readonly dims: readonly number[];
  readonly reshape?: { readonly shape: readonly number[] };
  readonly label_filename: string;
  readonly is_shape_tensor: boolean;
  readonly is_non_linear_format_io: boolean;
}

export interface InstanceGroupConfig {
  readonly name: string;
  readonly kind: 'KIND_AUTO' | 'KIND_GPU' | 'KIND_CPU' | 'KIND_MODEL';
  readonly count: number;
  readonly gpus: readonly number[];
  readonly passive: boolean;
  readonly rate_limiter?: RateLimiterConfig;
}

export interface RateLimiterConfig {
  readonly resources: readonly { readonly name: string; readonly global: boolean; readonly count: number }[];
  readonly priority: number;
}

export interface BatchInputConfig {
  readonly kind: BatchInputKind;
  readonly target_name: readonly string[];
  readonly data_type: string;
  readonly source_input: readonly string[];
}

export interface BatchOutputConfig {
  readonly kind: 'BATCH_SCATTER_WITH_INPUT_SHAPE';
  readonly target_name: readonly string[];
  readonly source_input: readonly string[];
}

export interface OptimizationConfig {
  readonly graph?: { readonly level: number };
  readonly execution_accelerators?: {
    readonly gpu_execution_accelerator: readonly AcceleratorConfig[];
    readonly cpu_execution_accelerator: readonly AcceleratorConfig[];
  };
}

export interface AcceleratorConfig {
  readonly name: string;
  readonly parameters: Readonly<Record<string, string>>;
}

export interface QueuePolicyConfig {
  readonly timeout_action: 'REJECT' | 'DELAY';
  readonly default_timeout_microseconds: number;
  readonly allow_timeout_override: boolean;
  readonly max_queue_size: number;
}

export interface DynamicBatchingConfig {
  readonly preferred_batch_size: readonly number[];
  readonly max_queue_delay_microseconds: number;
  readonly preserve_ordering: boolean;
  readonly priority_levels: number;
  readonly default_priority_level: number;
  readonly default_queue_policy?: QueuePolicyConfig;
  readonly priority_queue_policy: Readonly<Record<string, QueuePolicyConfig>>;
}

export interface SequenceBatchingConfig {
  readonly max_sequence_idle_microseconds: number;
  readonly control_input: readonly {
    readonly name: string;
    readonly control: readonly SequenceControlConfig[];
  }[];
  readonly direct?: {
    readonly max_queue_delay_microseconds: number;
    readonly minimum_slot_utilization: number;
  };
  readonly oldest?: {
    readonly max_candidate_sequences: number;
    readonly preferred_batch_size: readonly number[];
    readonly max_queue_delay_microseconds: number;
    readonly preserve_ordering: boolean;
  };
  readonly state: readonly SequenceStateConfig[];
  readonly iterative_sequence: boolean;
}

export interface SequenceControlConfig {
  readonly kind:
    | 'CONTROL_SEQUENCE_START'
    | 'CONTROL_SEQUENCE_READY'
    | 'CONTROL_SEQUENCE_END'
    | 'CONTROL_SEQUENCE_CORRID';
  readonly int32_false_true: readonly number[];
  readonly fp32_false_true: readonly number[];
  readonly bool_false_true: readonly boolean[];
  readonly data_type: string;
}

export interface SequenceStateConfig {
  readonly input_name: string;
  readonly output_name: string;
  readonly data_type: string;
  readonly dims: readonly number[];
  readonly initial_state: readonly {
    readonly name: string;
    readonly data_type: string;
    readonly dims: readonly number[];
    readonly zero_data?: boolean;
    readonly data_file?: string;
  }[];
}

export interface WarmupConfig {
  readonly name: string;
  readonly batch_size: number;
  readonly count: number;
  readonly inputs: Readonly<Record<string, WarmupInputConfig>>;
}

export interface WarmupInputConfig {
  readonly data_type: string;
  readonly dims: readonly number[];
  readonly zero_data?: boolean;
  readonly random_data?: boolean;
  readonly input_data_file?: string;
}
