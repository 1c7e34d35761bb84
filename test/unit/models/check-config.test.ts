import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkConfig, refuseUnsupported } from '../../../src/models/check-config.ts';
import { configFromPbtxt } from '../../../src/models/config-from-pbtxt.ts';
import { refusalOf } from '../../support/refusal.ts';

function check(text: string): void {
  const config = configFromPbtxt(text, 'm');
  checkConfig(config, 'm');
  refuseUnsupported(config, 'm');
}

/** A model that the server runs step by step, until its output `done` says so. */
const stop = 'parameters { key: "stop_output" value { string_value: "done" } }';
const steps = (more = '') => `${stop} sequence_batching { iterative_sequence: true ${more} }`;
const state = 'state { input_name: "s" output_name: "t" data_type: TYPE_FP32 dims: 2 }';
const sentState = 'input { name: "s" data_type: TYPE_FP32 dims: 2 }';

const accepted = [
  steps(),
  'sequence_batching { iterative_sequence: true } parameters { key: "max_steps" value { string_value: "9" } }',
  `${steps(state)} ${sentState}`,
  `${steps(state)} input { name: "s" }`,
  `${steps()} parameters { key: "emit_output" value { string_value: "e" } } model_transaction_policy { decoupled: true }`,

  '',
  'name: "m" platform: "onnxruntime_onnx"',
  'backend: "onnxruntime"',
  'input { name: "a" dims: [ 1, -1, 3 ] reshape { shape: [ 3, -1 ] } }',
  'max_batch_size: 2 input { name: "a" dims: 1 reshape { shape: [ ] } }',
  'input { name: "a" dims: 0 } output { name: "a" }',
  'max_batch_size: 8 dynamic_batching { preferred_batch_size: [ 1, 8 ] }',
  'dynamic_batching { priority_levels: 2 default_priority_level: 1 priority_queue_policy { key: 2 value { } } }',
  'dynamic_batching { preserve_ordering: true priority_levels: 1 default_priority_level: 1 }',
  'instance_group { count: 64 } instance_group { kind: KIND_GPU gpus: [ 0, 3 ] } instance_group { gpus: 1 }',
  'version_policy { latest { } }',
  'response_cache { enable: false }',
  'response_cache { enable: true }',
  'model_transaction_policy { decoupled: true }',
];

for (const text of accepted) {
  test(`'${text}' is a configuration`, () => {
    check(text);
  });
}

const wrong: readonly (readonly [text: string, problem: RegExp])[] = [
  ['name: "other"', /name: is 'other', but the model's folder is 'm'/],
  ['backend: "python"', /backend: this server runs ONNX models/],
  ['platform: "tensorrt_plan"', /backend: this server runs ONNX models/],
  ['max_batch_size: -1', /max_batch_size: must be 0 or more/],
  ['input { }', /input\[0\]: needs a name/],
  ['input { name: "a" } input { name: "a" }', /input: 'a' is given twice/],
  ['output { name: "a" } output { name: "a" }', /output: 'a' is given twice/],
  ['output { name: "a" dims: -2 }', /output\[0\]: dims must be .* got -2/],
  ['input { name: "a" dims: [ 2, 3 ] reshape { shape: 5 } }', /reshape must have as many elements as dims/],
  ['input { name: "a" dims: [ 2, -1 ] reshape { shape: 2 } }', /reshape must have as many -1 as dims/],
  ['input { name: "a" dims: 3 reshape { } }', /empty reshape needs dims of one element/],
  ['max_batch_size: 4 dynamic_batching { preferred_batch_size: 8 }', /at most max_batch_size 4, got 8/],
  ['dynamic_batching { preferred_batch_size: 0 }', /must be 1 or more, got 0/],
  [
    'dynamic_batching { priority_levels: 2 }',
    /default_priority_level: must be 1 to priority_levels 2, got 0/,
  ],
  [
    'dynamic_batching { priority_levels: 2 default_priority_level: 3 }',
    /must be 1 to priority_levels 2, got 3/,
  ],
  [
    'dynamic_batching { priority_queue_policy { key: 1 value { } } }',
    /level 1 is not 1 to priority_levels 0/,
  ],
  [
    'dynamic_batching { preserve_ordering: true priority_levels: 2 default_priority_level: 1 }',
    /preserve_ordering: cannot stand beside more than one priority level/,
  ],
  [
    'dynamic_batching { preserve_ordering: true default_queue_policy { timeout_action: DELAY } }',
    /preserve_ordering: cannot stand beside timeout_action DELAY/,
  ],
  [
    'instance_group { } instance_group { count: -1 }',
    /instance_group\[1\]: count must be 0 \(the default\) to 64/,
  ],
  ['instance_group { count: 1000000000 }', /count must be 0 \(the default\) to 64, got 1000000000/],
  ['instance_group { kind: KIND_CPU gpus: 0 }', /has kind KIND_CPU but specifies one or more GPUs/],
  ['instance_group { kind: KIND_GPU gpus: -1 }', /gpus are numbers of 0 or more/],
  [
    'instance_group { rate_limiter { resources { count: 1 } } }',
    /instance_group\[0\]: rate_limiter: a resource needs a name/,
  ],
  [
    'instance_group { rate_limiter { resources { name: "a" } resources { name: "a" } } }',
    /rate_limiter: resource 'a' is given twice/,
  ],
  ['version_policy { specific { } }', /version_policy\.specific: names no version/],
  ['response_cache { enable: true } sequence_batching { }', /cannot be enabled beside sequence_batching/],
  ['sequence_batching { control_input { control { } } }', /control_input\[0\]: needs a name/],
  ['sequence_batching { control_input { name: "S" } }', /takes exactly one control/],
  [
    'sequence_batching { control_input { name: "S" control { int32_false_true: [0, 1, 2] } } }',
    /needs two values in one of/,
  ],
  [
    'sequence_batching { control_input { name: "S" control { int32_false_true: [0, 1] fp32_false_true: [0, 1] } } }',
    /needs two values in one of/,
  ],
  [
    'sequence_batching { control_input { name: "S" control { int32_false_true: [0, 1] } } control_input { name: "T" control { bool_false_true: [false, true] } } }',
    /specifies multiple CONTROL_SEQUENCE_START tensors/,
  ],
  [
    'sequence_batching { control_input { name: "C" control { kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_FP32 } } }',
    /CORRID needs a data_type of/,
  ],
  ['sequence_batching { state { input_name: "s" } }', /needs input_name and output_name/],
  [
    'input { name: "s" dims: 1 data_type: TYPE_FP32 } sequence_batching { state { input_name: "s" output_name: "t" } }',
    /input 's' is given twice/,
  ],
  [
    'sequence_batching { state { input_name: "s" output_name: "t" data_type: TYPE_FP32 dims: 2 initial_state { data_type: TYPE_FP32 dims: 3 zero_data: true } } }',
    /initial_state\.dims: must fit the state's dims/,
  ],
  [
    'sequence_batching { state { input_name: "s" output_name: "t" data_type: TYPE_FP32 dims: 2 initial_state { data_type: TYPE_FP32 dims: 2 } } }',
    /needs zero_data: true or a data_file/,
  ],
  ['sequence_batching { oldest { } }', /max_candidate_sequences: must be 1 to/],
  [
    'sequence_batching { } parameters { key: "max_sequences" value { string_value: "many" } }',
    /parameters\.max_sequences: must be an integer of 1 to/,
  ],
  [
    'sequence_batching { iterative_sequence: true }',
    /iterative_sequence: needs parameters\.stop_output, .* or parameters\.max_steps/,
  ],
  [
    `${steps()} parameters { key: "max_steps" value { string_value: "0" } }`,
    /max_steps: must be an integer of 1/,
  ],
  [
    `${steps()} parameters { key: "emit_output" value { string_value: "e" } }`,
    /parameters\.emit_output: needs model_transaction_policy \{ decoupled: true \}/,
  ],
  [
    `${steps()} output { name: "done" data_type: TYPE_INT32 }`,
    /parameters\.stop_output: output 'done' must have data_type TYPE_BOOL/,
  ],
  [
    `${steps(state)} input { name: "s" data_type: TYPE_FP32 dims: 3 }`,
    /state\[0\]: must have data_type and dims of the input 's'/,
  ],
  [`${steps(state)} input { name: "s" optional: true }`, /must be neither optional nor reshaped/],
  [
    `${steps(state.replace('dims: 2', 'dims: 2 initial_state { data_type: TYPE_FP32 dims: 2 zero_data: true }'))} ${sentState}`,
    /begins as requests say: initial_state has no place/,
  ],
  [`${steps(`${state} ${state}`)} ${sentState}`, /output 't' is given twice/],
  [`sequence_batching { ${state} } ${sentState}`, /input 's' is given twice/],
  [
    'response_cache { enable: true } model_transaction_policy { decoupled: true }',
    /cannot be enabled for a decoupled model/,
  ],
];

describe('what is wrong in itself', () => {
  for (const [text, problem] of wrong) {
    test(`'${text}' is refused`, () => {
      const refusal = refusalOf(() => check(text));
      assert.deepEqual([refusal.code, refusal.reason], ['invalid_argument', 'MODEL_CONFIG']);
      assert.match(refusal.message, problem);
      assert.match(refusal.message, /^configuration of model 'm': /);
    });
  }
});

const unsupported: readonly (readonly [text: string, field: string])[] = [
  [
    'sequence_batching { direct { max_queue_delay_microseconds: 1 } }',
    'sequence_batching.direct.max_queue_delay_microseconds',
  ],
  [
    'sequence_batching { direct { minimum_slot_utilization: 0.5 } }',
    'sequence_batching.direct.minimum_slot_utilization',
  ],
  [
    'max_batch_size: 2 input { name: "a" allow_ragged_batch: true } batch_input { target_name: "n" data_type: TYPE_FP32 source_input: "a" } sequence_batching { }',
    'batch_input beside sequence_batching',
  ],
  ['input { name: "a" is_shape_tensor: true }', 'input.is_shape_tensor'],
  ['output { name: "a" is_shape_tensor: true }', 'output.is_shape_tensor'],
  ['input { name: "a" is_non_linear_format_io: true }', 'input.is_non_linear_format_io'],
  ['output { name: "a" is_non_linear_format_io: true }', 'output.is_non_linear_format_io'],
  ['cc_model_filenames { key: "9.0" value: "x.onnx" }', 'cc_model_filenames'],
  ['model_operations { op_library_filename: "x.so" }', 'model_operations.op_library_filename'],
  ['model_repository_agents { agents { name: "x" } }', 'model_repository_agents'],
  [
    'platform: "ensemble" max_batch_size: 0 input { name: "a" data_type: TYPE_FP32 dims: 1 } output { name: "b" data_type: TYPE_FP32 dims: 1 } ensemble_scheduling { step { model_name: "x" model_version: -1 input_map { key: "i" value: "a" } output_map { key: "o" value: "b" } } } response_cache { enable: true }',
    'response_cache of an ensemble',
  ],
  [
    'optimization { execution_accelerators { cpu_execution_accelerator { name: "openvino" } } }',
    'optimization.execution_accelerators.cpu_execution_accelerator',
  ],
];

describe('what this server does not do', () => {
  for (const [text, field] of unsupported) {
    test(`'${text}' is refused instead of ignored`, () => {
      const refusal = refusalOf(() => check(text));
      assert.deepEqual([refusal.code, refusal.reason], ['invalid_argument', 'MODEL_CONFIG_UNSUPPORTED']);
      assert.equal(refusal.message, `configuration of model 'm': ${field} is not supported by this server`);
    });
  }
});
