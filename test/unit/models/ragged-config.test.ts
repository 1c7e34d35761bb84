import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { SessionMetadata } from '../../../src/inference/executor.ts';
import { silentLogger } from '../../../src/inference/logger.ts';
import { checkConfig, refuseUnsupported } from '../../../src/models/check-config.ts';
import { checkSession } from '../../../src/models/check-session.ts';
import { completeConfig } from '../../../src/models/complete-config.ts';
import { configFromPbtxt } from '../../../src/models/config-from-pbtxt.ts';
import type { ModelConfig } from '../../../src/models/config.ts';
import { raggedOf } from '../../../src/models/ragged-config.ts';
import { refusalOf } from '../../support/refusal.ts';

const x = 'max_batch_size: 4 input { name: "x" data_type: TYPE_FP32 dims: -1 allow_ragged_batch: true } ';
const y = 'output { name: "y" data_type: TYPE_FP32 dims: -1 } ';
const counts = 'batch_input { target_name: "n" data_type: TYPE_INT32 source_input: "x" } ';
const scatter = 'batch_output { target_name: "y" source_input: "x" } ';

const session: SessionMetadata = {
  inputs: [
    { name: 'x', datatype: 'FP32', shape: ['elements'] },
    { name: 'n', datatype: 'INT32', shape: ['requests'] },
  ],
  outputs: [{ name: 'y', datatype: 'FP32', shape: ['elements'] }],
};

function complete(text: string, metadata = session): ModelConfig {
  const given = configFromPbtxt(text, 'm');
  checkConfig(given, 'm');
  refuseUnsupported(given, 'm');
  const config = completeConfig(given, metadata, {
    model: 'm',
    defaultMaxBatchSize: 32,
    logger: silentLogger,
  });
  checkConfig(config, 'm');
  checkSession(config, metadata);
  return config;
}

test('the scheduler learns what is made of a batch and how its outputs are dealt out', () => {
  assert.deepEqual(raggedOf(complete(x + y + counts + scatter)), {
    batchInputs: [{ kind: 'BATCH_ELEMENT_COUNT', targets: ['n'], datatype: 'INT32', source: 'x' }],
    scattered: new Map([['y', 'x']]),
  });
});

test('a model without any of it is not ragged', () => {
  assert.equal(raggedOf(configFromPbtxt('input { name: "x" }', 'm')), undefined);
});

test('what is left out is completed: dims of ragged inputs, and inputs that clients send', () => {
  const short = 'max_batch_size: 4 input { name: "x" allow_ragged_batch: true } ';
  assert.deepEqual(
    complete(short + y + counts).input.map(({ name, dims }) => [name, dims]),
    [['x', [-1]]],
  );
  const { input } = complete(`max_batch_size: 4 ${y}${counts}`, {
    ...session,
    inputs: [{ name: 'x', datatype: 'FP32', shape: ['batch', 3] }, ...session.inputs.slice(1)],
  });
  assert.deepEqual(
    input.map(({ name }) => name),
    ['x'],
  );
});

describe('what is wrong in itself', () => {
  for (const [text, problem] of [
    [
      'input { name: "x" allow_ragged_batch: true }',
      /input\[0\]\.allow_ragged_batch: needs max_batch_size above 0/,
    ],
    [
      'max_batch_size: 4 input { name: "x" dims: [ -1, 1 ] reshape { shape: -1 } allow_ragged_batch: true }',
      /allow_ragged_batch: cannot be reshaped/,
    ],
    ['batch_input { }', /batch_input\[0\]: needs max_batch_size above 0/],
    [`${x}batch_input { }`, /kind 'BATCH_ELEMENT_COUNT' expects 1 source input, got 0/],
    [
      `${x}batch_input { kind: BATCH_ITEM_SHAPE source_input: [ "x", "x" ] }`,
      /kind 'BATCH_ITEM_SHAPE' expects 1 source input, got 2/,
    ],
    [`${x}batch_input { source_input: "z" }`, /unknown source input name 'z'/],
    [
      `${x}batch_input { source_input: "x" data_type: TYPE_INT64 target_name: "n" }`,
      /batch input data type must be TYPE_INT32 or TYPE_FP32/,
    ],
    [`${x}batch_input { source_input: "x" data_type: TYPE_FP32 }`, /names no target/],
    [
      `${x}batch_input { source_input: "x" data_type: TYPE_FP32 target_name: "x" }`,
      /batch_input: 'x' is given twice/,
    ],
    [x + counts + counts, /batch_input: 'n' is given twice/],
    [`${y}batch_output { }`, /batch_output\[0\]: needs max_batch_size above 0/],
    [`${x}${y}batch_output { target_name: "y" }`, /expects 1 source input, got 0/],
    [`${x}${y}batch_output { source_input: "x" }`, /names no target/],
    [`${x}${y}batch_output { source_input: "x" target_name: "z" }`, /unknown target output name 'z'/],
    [x + y + scatter + scatter, /target output name 'y' can only be specified once/],
    [
      `${x}output { name: "y" data_type: TYPE_STRING dims: -1 } ${scatter}`,
      /output 'y' can be neither reshaped nor of strings/,
    ],
  ] as const) {
    test(`'${text}' is refused`, () => {
      const refusal = refusalOf(() => checkConfig(configFromPbtxt(text, 'm'), 'm'));
      assert.deepEqual([refusal.code, refusal.reason], ['invalid_argument', 'MODEL_CONFIG']);
      assert.match(refusal.message, problem);
    });
  }
});

describe('what does not go with the model', () => {
  for (const [title, text, inputs, problem] of [
    ['an input that nobody fills', x + y, session.inputs, /expects 1 inputs, model provides 2/],
    [
      'a ragged input of two dimensions',
      x + y + counts,
      [{ name: 'x', datatype: 'FP32', shape: ['batch', 'n'] }, ...session.inputs.slice(1)],
      /a ragged input must have shape \[-1\] in the model, and it has \[-1,-1\]/,
    ],
    [
      'a batch input of another type',
      x + y + counts,
      [...session.inputs.slice(0, 1), { name: 'n', datatype: 'FP32', shape: ['n'] }],
      /unexpected datatype TYPE_INT32 for inference input 'n', expecting TYPE_FP32/,
    ],
    [
      'a batch input of another rank',
      x + y + counts.replace('{', '{ kind: BATCH_ITEM_SHAPE'),
      session.inputs,
      /kind BATCH_ITEM_SHAPE has 2 dimensions, the first of any size, and the model expects \[-1\]/,
    ],
    [
      'a batch input that the model does not have',
      x + y + counts.replace('"n"', '"z"'),
      session.inputs,
      /unexpected inference input 'z', allowed inputs are: x, n/,
    ],
  ] as const) {
    test(title, () => {
      const refusal = refusalOf(() => complete(text, { ...session, inputs }));
      assert.equal(refusal.code, 'invalid_argument');
      assert.match(refusal.message, problem);
    });
  }
});
