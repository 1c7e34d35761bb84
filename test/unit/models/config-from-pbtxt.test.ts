import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ServingError } from '../../../src/errors.ts';
import { configFromJson } from '../../../src/models/config-from-json.ts';
import { configFromPbtxt } from '../../../src/models/config-from-pbtxt.ts';
import { refusalOf } from '../../support/refusal.ts';

const read = (text: string) => configFromPbtxt(text, 'm');

test('an empty configuration has every scalar and list, and no message', () => {
  const config = read('');
  assert.equal(config.max_batch_size, 0);
  assert.deepEqual(config.input, []);
  assert.deepEqual(Object.keys(config.parameters), []);
  assert.equal(config.default_model_filename, '');
  assert.equal(config.dynamic_batching, undefined);
  assert.equal(config.version_policy, undefined);
  assert.equal('model_transaction_policy' in config, false);
});

test('a complete configuration is read as it is meant', () => {
  const config = read(`
    name: "m"
    platform: "onnxruntime_onnx"
    max_batch_size: 0x10
    version_policy: { specific { versions: [ 1, 3 ] } }
    input [
      { name: "a" data_type: TYPE_FP32 format: FORMAT_NCHW dims: [ 3, -1 ] reshape { shape: [ 3, 1, -1 ] } },
      { name: "b" data_type: 13 dims: 1 dims: 2 optional: true }
    ]
    output { name: "y" data_type: TYPE_INT64 label_filename: 'labels.txt' dims: [ 1 ] reshape { shape: [ ] } }
    instance_group [ { count: 2 kind: KIND_GPU gpus: [ 0, 1 ] } ]
    optimization { graph { level: -1 } execution_accelerators { gpu_execution_accelerator [ {
      name: "tensorrt" parameters { key: "precision_mode" value: "FP16" } } ] } }
    dynamic_batching {
      preferred_batch_size: [ 4, 8 ] max_queue_delay_microseconds: 100 priority_levels: 2
      priority_queue_policy { key: 2 value { timeout_action: DELAY max_queue_size: 9 } }
    }
    parameters { key: "intra_op_thread_count" value: { string_value: "2" } }
    parameters [ { key: "__proto__" value { string_value: "x" } } ]
    model_warmup [ { name: "w" batch_size: 1 inputs { key: "a" value { data_type: TYPE_FP32 dims: 3 zero_data: true } } } ]
    model_transaction_policy { decoupled: t }
  `);
  assert.equal(config.max_batch_size, 16);
  assert.deepEqual(config.version_policy, { specific: { versions: [1, 3] } });
  const [a, b] = config.input;
  assert.deepEqual([a?.format, a?.dims, a?.reshape], ['FORMAT_NCHW', [3, -1], { shape: [3, 1, -1] }]);
  assert.deepEqual([b?.data_type, b?.dims, b?.optional], ['TYPE_STRING', [1, 2], true]);
  assert.deepEqual(config.output[0]?.reshape, { shape: [] });
  assert.equal(config.output[0]?.label_filename, 'labels.txt');
  const [group] = config.instance_group;
  assert.deepEqual([group?.kind, group?.count, group?.gpus], ['KIND_GPU', 2, [0, 1]]);
  assert.equal(config.optimization?.graph?.level, -1);
  const [accelerator] = config.optimization?.execution_accelerators?.gpu_execution_accelerator ?? [];
  assert.deepEqual({ ...accelerator?.parameters }, { precision_mode: 'FP16' });
  const batching = config.dynamic_batching;
  assert.deepEqual(batching?.preferred_batch_size, [4, 8]);
  assert.equal(batching?.preserve_ordering, false);
  assert.equal(batching?.priority_queue_policy['2']?.timeout_action, 'DELAY');
  assert.equal(batching?.priority_queue_policy['2']?.default_timeout_microseconds, 0);
  assert.deepEqual(Object.keys(config.parameters), ['intra_op_thread_count', '__proto__']);
  assert.equal(config.model_warmup[0]?.inputs['a']?.zero_data, true);
  assert.equal(config.model_transaction_policy?.decoupled, true);
});

const refused: readonly (readonly [text: string, problem: RegExp])[] = [
  ['nme: "m"', /^configuration of model 'm': nme: unknown field; ModelConfig has name, .* \(at 1:1\)$/],
  ['input { nam: "x" }', /input\[0\]\.nam: unknown field; ModelInput has name, data_type/],
  ['max_batch_size: "8"', /max_batch_size: expected an integer, got "8" \(at 1:1\)/],
  ['max_batch_size: 1.5', /max_batch_size: expected an integer, got "1.5"/],
  ['max_batch_size: 08', /max_batch_size: expected an integer/],
  ['max_batch_size: 2147483648', /2147483648 is outside -2147483648 to 2147483647/],
  ['version_policy { latest { num_versions: -1 } }', /-1 is outside 0 to 4294967295/],
  ['input { dims: 9007199254740993 }', /input\[0\]\.dims\[0\]: .*is outside/],
  ['name: m', /name: expected text in quotes, got "m"/],
  ['name: "m" name: "m"', /name: given twice \(at 1:11\)/],
  [
    '\ninput { } input { data_type: FP32 }',
    /input\[1\]\.data_type: expected one of TYPE_INVALID, .*, got "FP32" \(at 2:19\)/,
  ],
  ['input { data_type: 99 }', /data_type: expected one of/],
  ['input: 3', /input\[0\]: expected a message/],
  ['input { optional: yes }', /optional: expected true or false, got "yes"/],
  ['dynamic_batching { } sequence_batching { }', /sequence_batching: cannot stand beside dynamic_batching/],
  ['version_policy { all { } latest { } }', /version_policy\.latest: cannot stand beside all/],
  ['parameters { key: "a" val: 1 }', /parameters: a map entry has key and value, not val/],
  ['parameters: "a"', /parameters: expected \{ key/],
  ['dynamic_batching { priority_queue_policy { key: { } value { } } }', /a key is text or a number/],
  ['name: "m', /^configuration of model 'm': 1:7: expected a value/],
];

for (const [text, problem] of refused) {
  test(`${JSON.stringify(text)} is refused with the field, the place and what belongs there`, () => {
    const refusal = refusalOf(() => read(text));
    assert.deepEqual([refusal.code, refusal.reason], ['invalid_argument', 'MODEL_CONFIG']);
    assert.match(refusal.message, problem);
  });
}

const seed =
  'name: "m" max_batch_size: 4 input [ { name: "a" data_type: TYPE_FP32 dims: [ 3, -1 ] } ] ' +
  'dynamic_batching { preferred_batch_size: 4 } parameters { key: "k" value { string_value: "v" } }';
const words = seed.split(' ');

test('a configuration whose words are shuffled is read or refused, never more', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...words), { maxLength: 30 }), (some) => {
      try {
        const config = read(some.join(' '));
        // What can be read can be written as JSON and read again.
        assert.deepEqual(configFromJson(JSON.stringify(config), 'm'), config);
      } catch (error) {
        assert.ok(error instanceof ServingError);
        assert.equal(error.code, 'invalid_argument');
        assert.ok(error.message.length <= 1000);
      }
    }),
    { numRuns: 300, examples: [[words]] },
  );
});
