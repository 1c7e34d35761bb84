import type { ServedModel } from './serving.ts';

const decoupled = 'model_transaction_policy { decoupled: true }';
const parameter = (key: string, value: string) =>
  `parameters { key: "${key}" value { string_value: "${value}" } }`;
const counting = `max_batch_size: 8
  sequence_batching { iterative_sequence: true state { input_name: "left" output_name: "rest" data_type: TYPE_FP32 dims: [1] } }
  input [ { name: "left" data_type: TYPE_FP32 dims: [1] }, { name: "by" data_type: TYPE_FP32 dims: [1] } ]
  output [ { name: "y" data_type: TYPE_FP32 dims: [1] } ]
  ${parameter('stop_output', 'done')} ${parameter('max_steps', '100000')}`;

/** Models that count `left` down by `by` until nothing is left. */
export const stepModels: Readonly<Record<string, ServedModel>> = {
  count: { fixture: 'count_down', config: `${counting} ${decoupled}` },
  evens: { fixture: 'count_down', config: `${counting} ${decoupled} ${parameter('emit_output', 'even')}` },
  alone: {
    fixture: 'count_down',
    config: `${counting.replace('max_batch_size: 8', '').replaceAll('dims: [1]', 'dims: [1, 1]')} ${decoupled}`,
  },
  whole: {
    fixture: 'count_down',
    config: `platform: "ensemble" max_batch_size: 8
      input [ { name: "from" data_type: TYPE_FP32 dims: [1] }, { name: "step" data_type: TYPE_FP32 dims: [1] } ]
      output [ { name: "end" data_type: TYPE_FP32 dims: [1] } ]
      ensemble_scheduling { step {
        model_name: "last" model_version: -1
        input_map { key: "left" value: "from" } input_map { key: "by" value: "step" }
        output_map { key: "y" value: "end" } } }`,
  },
  last: { fixture: 'count_down', config: counting },
};
