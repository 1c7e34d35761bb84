import { ServingError } from '../errors.ts';
import type { ProviderName, ProviderPlan } from '../inference/executor.ts';
import { pinnedVersion } from './native-binding.ts';

/** Options that onnxruntime's providers know. The Node binding passes none of them on, but a typing error should say so. */
const knownOptions = {
  cpu: [],
  cuda: [
    'arena_extend_strategy',
    'cudnn_conv1d_pad_to_nc1d',
    'cudnn_conv_algo_search',
    'cudnn_conv_use_max_workspace',
    'do_copy_in_default_stream',
    'enable_cuda_graph',
    'enable_skip_layer_norm_strict_mode',
    'fuse_conv_bias',
    'gpu_external_alloc',
    'gpu_external_empty_cache',
    'gpu_external_free',
    'gpu_mem_limit',
    'prefer_nhwc',
    'sdpa_kernel',
    'tunable_op_enable',
    'tunable_op_max_tuning_duration_ms',
    'tunable_op_tuning_enable',
    'use_ep_level_unified_stream',
    'use_tf32',
    'user_compute_stream',
  ],
  tensorrt: [
    'trt_auxiliary_streams',
    'trt_bf16_enable',
    'trt_build_heuristics_enable',
    'trt_builder_optimization_level',
    'trt_context_memory_sharing_enable',
    'trt_cuda_graph_enable',
    'trt_detailed_build_log',
    'trt_dla_core',
    'trt_dla_enable',
    'trt_dump_ep_context_model',
    'trt_dump_subgraphs',
    'trt_engine_cache_enable',
    'trt_engine_cache_path',
    'trt_engine_cache_prefix',
    'trt_engine_hw_compatible',
    'trt_ep_context_embed_mode',
    'trt_ep_context_file_path',
    'trt_extra_plugin_lib_paths',
    'trt_force_sequential_engine_build',
    'trt_force_timing_cache',
    'trt_fp16_enable',
    'trt_int8_calibration_table_name',
    'trt_int8_enable',
    'trt_int8_use_native_calibration_table',
    'trt_layer_norm_fp32_fallback',
    'trt_max_partition_iterations',
    'trt_max_workspace_size',
    'trt_min_subgraph_size',
    'trt_onnx_model_folder_path',
    'trt_op_types_to_exclude',
    'trt_profile_max_shapes',
    'trt_profile_min_shapes',
    'trt_profile_opt_shapes',
    'trt_sparsity_enable',
    'trt_tactic_sources',
    'trt_timing_cache_enable',
    'trt_timing_cache_path',
    'trt_weight_stripped_engine_enable',
  ],
} as const satisfies Record<ProviderName, readonly string[]>;

const mostDevices = 64;

/**
 * Checks one instance's provider before anything is opened.
 *
 * @throws invalid_argument for an option or device that makes no sense, failed_precondition for one that exists but that the
 *   Node binding cannot pass on: ignoring it would run the model other than configured.
 */
export function checkProvider({ name, deviceId, options }: ProviderPlan): void {
  if (!Number.isInteger(deviceId) || deviceId < 0 || deviceId >= mostDevices) {
    throw new ServingError(
      'invalid_argument',
      `device ${deviceId} is not a number from 0 to ${mostDevices - 1}`,
    );
  }
  const known: readonly string[] = knownOptions[name];
  for (const option of Object.keys(options)) {
    if (!known.includes(option)) {
      throw new ServingError('invalid_argument', `provider ${name} has no option '${option.slice(0, 64)}'`);
    }
    throw new ServingError(
      'failed_precondition',
      `option '${option}' of provider ${name} cannot be set: onnxruntime-node ${pinnedVersion} passes only the device to it`,
      { reason: 'PROVIDER_OPTION_UNSUPPORTED' },
    );
  }
}
