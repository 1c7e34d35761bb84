import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SessionMetadata, SessionTensor } from '../../../src/inference/executor.ts';
import { silentLogger } from '../../../src/inference/logger.ts';
import { checkSession } from '../../../src/models/check-session.ts';
import { completeConfig } from '../../../src/models/complete-config.ts';
import type { ModelConfig } from '../../../src/models/config.ts';
import { configFromPbtxt } from '../../../src/models/config-from-pbtxt.ts';
import { refusalOf } from '../../support/refusal.ts';

function tensor(
  name: string,
  shape: readonly (number | string)[],
  datatype?: 'FP32' | 'BYTES',
): SessionTensor {
  return { name, shape, datatype: datatype ?? 'FP32' };
}

const rows: SessionMetadata = { inputs: [tensor('x', ['n', 4])], outputs: [tensor('y', ['n', 2])] };
const fixed: SessionMetadata = { inputs: [tensor('x', [1, 4])], outputs: [tensor('y', ['n', 2])] };

interface Completion {
  readonly text?: string;
  readonly model?: SessionMetadata;
  readonly defaultMaxBatchSize?: number;
}

function complete({ text = '', model = rows, defaultMaxBatchSize = 32 }: Completion): ModelConfig {
  const config = completeConfig(configFromPbtxt(text, 'm'), model, {
    model: 'm',
    defaultMaxBatchSize,
    logger: silentLogger,
  });
  checkSession(config, model);
  return config;
}

const both =
  'input { name: "x" data_type: TYPE_FP32 dims: 4 } output { name: "y" data_type: TYPE_FP32 dims: 2 }';

const batching: readonly (readonly [title: string, given: Completion, size: number, dynamic: boolean])[] = [
  ['a model whose rows vary batches, up to the default', {}, 32, true],
  ['a given size stays', { text: 'max_batch_size: 4' }, 4, true],
  ['a default of 0 turns batching off', { defaultMaxBatchSize: 0 }, 0, false],
  ['with a default of 1 there is nothing to schedule', { defaultMaxBatchSize: 1 }, 1, false],
  ['a given size of 1 needs no scheduler', { text: 'max_batch_size: 1' }, 1, false],
  ['a model with a fixed first dimension does not batch', { model: fixed }, 0, false],
  ['half a configuration is completed', { text: 'input { name: "x" }' }, 32, true],
  ['a full configuration is left alone', { text: `max_batch_size: 8 ${both}` }, 8, false],
  [
    'a full configuration without a size does not batch',
    {
      text: 'input { name: "x" data_type: TYPE_FP32 dims: [ -1, 4 ] } output { name: "y" data_type: TYPE_FP32 dims: [ -1, 2 ] }',
    },
    0,
    false,
  ],
  ['a given scheduler stays', { text: `max_batch_size: 8 dynamic_batching { } ${both}` }, 8, true],
];

for (const [title, given, size, dynamic] of batching) {
  test(title, () => {
    const config = complete(given);
    assert.deepEqual([config.max_batch_size, config.dynamic_batching !== undefined], [size, dynamic]);
  });
}

test('types and dims come from the model, symbolic ones as -1, without the batch dimension', () => {
  const model = {
    inputs: [tensor('t', ['n', '', 'length'], 'BYTES'), tensor('s', ['n'])],
    outputs: [tensor('y', ['n', 3])],
  };
  const config = complete({ model });
  assert.deepEqual(
    config.input.map(({ name, data_type, dims, reshape }) => [name, data_type, dims, reshape]),
    [
      ['t', 'TYPE_STRING', [-1, -1], undefined],
      // A row of a vector is a scalar.
      ['s', 'TYPE_FP32', [1], { shape: [] }],
    ],
  );
  assert.deepEqual(config.output[0]?.dims, [3]);
});

test('without batching dims are whole shapes, and a scalar has none', () => {
  const config = complete({ model: { inputs: [tensor('x', [])], outputs: [tensor('y', ['n', 2])] } });
  assert.deepEqual(
    [config.input[0]?.dims, config.input[0]?.reshape, config.output[0]?.dims],
    [[], undefined, [-1, 2]],
  );
});

test('what is given stays: dims, labels and the order of outputs', () => {
  const model = { ...rows, outputs: [tensor('y', ['n', 'k']), tensor('z', ['n', 2])] };
  const config = complete({
    model,
    text: 'output { name: "z" } output { name: "y" dims: 3 label_filename: "l.txt" }',
  });
  assert.deepEqual(
    config.output.map(({ name, data_type, dims, label_filename: label }) => [name, data_type, dims, label]),
    [
      ['z', 'TYPE_FP32', [2], ''],
      ['y', 'TYPE_FP32', [3], 'l.txt'],
    ],
  );
});

test('names, version policy, file name and platform are filled in', () => {
  const config = complete({});
  assert.deepEqual(
    [config.name, config.platform, config.backend, config.default_model_filename, config.version_policy],
    ['m', 'onnxruntime_onnx', 'onnxruntime', 'model.onnx', { latest: { num_versions: 1 } }],
  );
});

const groups: readonly (readonly [text: string, expected: readonly (readonly [string, string, number])[]])[] =
  [
    ['', [['m', 'KIND_CPU', 1]]],
    [
      'instance_group { } instance_group { count: 3 }',
      [
        ['m_0', 'KIND_CPU', 1],
        ['m_1', 'KIND_CPU', 3],
      ],
    ],
    ['instance_group { name: "a" kind: KIND_GPU }', [['a', 'KIND_GPU', 1]]],
    ['instance_group { gpus: 1 }', [['m_0', 'KIND_GPU', 1]]],
    ['instance_group { kind: KIND_MODEL }', [['m_0', 'KIND_CPU', 1]]],
    [
      'optimization { execution_accelerators { gpu_execution_accelerator { name: "cuda" } } }',
      [['m', 'KIND_GPU', 1]],
    ],
  ];

for (const [text, expected] of groups) {
  test(`the instances of '${text}' are ${JSON.stringify(expected)}`, () => {
    assert.deepEqual(
      complete({ text }).instance_group.map(({ name, kind, count }) => [name, kind, count]),
      expected,
    );
  });
}

const refused: readonly (readonly [title: string, given: Completion, problem: RegExp])[] = [
  [
    'a size for a model that cannot batch',
    { text: 'max_batch_size: 4', model: fixed },
    /^autofill failed for model 'm': model does not support batching while non-zero max_batch_size is specified/,
  ],
  [
    'a size for a model that cannot batch, with everything given',
    { text: `max_batch_size: 4 ${both}`, model: fixed },
    /^model 'm', tensor 'x': for the model to support batching .* expected by the model is \[1,4\]$/,
  ],
  [
    'an input that the model does not have',
    { text: 'input { name: "z" }' },
    /unexpected inference input 'z', allowed inputs are: x/,
  ],
  [
    'an output that the model does not have',
    { text: 'output { name: "z" data_type: TYPE_FP32 dims: 1 }' },
    /unexpected inference output 'z', allowed outputs are: y/,
  ],
  [
    'fewer inputs than the model has',
    {
      model: { ...rows, inputs: [tensor('x', ['n', 4]), tensor('w', ['n', 4])] },
      text: 'input { name: "x" }',
    },
    /unable to load model 'm', configuration expects 1 inputs, model provides 2/,
  ],
  [
    'another type',
    { text: 'input { name: "x" data_type: TYPE_INT64 dims: 4 }' },
    /unexpected datatype TYPE_INT64 for inference input 'x', expecting TYPE_FP32/,
  ],
  [
    'other dims',
    { text: 'input { name: "x" dims: 5 }' },
    /tensor 'x': the model expects 2 dimensions \(shape \[-1,4\]\) but .* specifies 2 dimensions \(.*making complete shape \[-1,5\]\)/,
  ],
  [
    'a size of any where the model takes one',
    { text: 'input { name: "x" dims: -1 }' },
    /complete shape \[-1,-1\]/,
  ],
  [
    'more dims',
    { text: 'input { name: "x" dims: [ 4, 1 ] }', defaultMaxBatchSize: 0 },
    /specifies 2 dimensions \(shape \[4,1\]\)/,
  ],
  [
    'optional inputs beside batching',
    { text: 'input { name: "x" optional: true }' },
    /is optional, which needs max_batch_size 0/,
  ],
];

for (const [title, given, problem] of refused) {
  test(`the model does not go with ${title}`, () => {
    const refusal = refusalOf(() => complete(given));
    assert.equal(refusal.code, 'invalid_argument');
    assert.match(refusal.message, problem);
  });
}

test('a reshape is held against the model in place of dims', () => {
  const config = complete({ text: 'input { name: "x" dims: [ 2, 2 ] reshape { shape: 4 } }' });
  assert.deepEqual(config.input[0]?.dims, [2, 2]);
});

test('an output that is no tensor is left out, unless it is asked for or the only one', () => {
  const map: SessionTensor = { name: 'map', datatype: undefined, shape: [] };
  assert.deepEqual(
    complete({ model: { ...rows, outputs: [...rows.outputs, map] } }).output.map(({ name }) => name),
    ['y'],
  );
  for (const given of [
    { model: { ...rows, outputs: [map] } },
    { model: { ...rows, outputs: [...rows.outputs, map] }, text: 'output { name: "map" }' },
    { model: { ...rows, inputs: [map] } },
  ]) {
    assert.equal(refusalOf(() => complete(given)).reason, 'MODEL_UNSERVABLE');
  }
});
