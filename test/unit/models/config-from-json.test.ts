import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configFromJson } from '../../../src/models/config-from-json.ts';
import { configFromPbtxt } from '../../../src/models/config-from-pbtxt.ts';
import { refusalOf } from '../../support/refusal.ts';

const read = (config: unknown) => configFromJson(JSON.stringify(config), 'm');

test('JSON and text of the same configuration are the same', () => {
  const text = `max_batch_size: 8 input { name: "a" data_type: TYPE_FP16 dims: [ 2, -1 ] } dynamic_batching { }
    version_policy { latest { num_versions: 2 } } parameters { key: "k" value { string_value: "v" } }`;
  assert.deepEqual(
    read({
      max_batch_size: 8,
      input: [{ name: 'a', data_type: 'TYPE_FP16', dims: [2, -1] }],
      dynamic_batching: {},
      version_policy: { latest: { num_versions: 2 } },
      parameters: { k: { string_value: 'v' } },
    }),
    configFromPbtxt(text, 'm'),
  );
});

test('integers may be text, names may be in camel case, enums may be numbers, and null is absent', () => {
  const config = read({
    maxBatchSize: '16',
    input: [{ name: 'a', dataType: 11, dims: ['3', -1] }],
    dynamicBatching: null,
    versionPolicy: { specific: { versions: ['7'] } },
  });
  assert.equal(config.max_batch_size, 16);
  assert.deepEqual([config.input[0]?.data_type, config.input[0]?.dims], ['TYPE_FP32', [3, -1]]);
  assert.equal(config.dynamic_batching, undefined);
  assert.deepEqual(config.version_policy, { specific: { versions: [7] } });
});

test('no key reaches a prototype', () => {
  const config = configFromJson('{"parameters":{"__proto__":{"string_value":"x"}}}', 'm');
  assert.deepEqual(Object.keys(config.parameters), ['__proto__']);
  assert.equal(config.parameters['string_value'], undefined);
  assert.match(refusalOf(() => configFromJson('{"__proto__":{}}', 'm')).message, /__proto__: unknown field/);
  assert.match(refusalOf(() => configFromJson('{"constructor":{}}', 'm')).message, /unknown field/);
});

const refused: readonly (readonly [config: unknown, problem: RegExp])[] = [
  [[], /expected an object, got \[\]/],
  ['x', /expected an object, got "x"/],
  [{ nme: 'm' }, /^configuration of model 'm': nme: unknown field/],
  [{ max_batch_size: 1.5 }, /max_batch_size: expected an integer, got 1.5/],
  [{ max_batch_size: '1e3' }, /max_batch_size: expected an integer/],
  [{ max_batch_size: true }, /max_batch_size: expected an integer, got true/],
  [{ max_batch_size: 2 ** 31 }, /is outside/],
  [{ name: 3 }, /name: expected text, got 3/],
  [{ input: {} }, /input: expected a list/],
  [{ input: [{}, { dims: [1, null] }] }, /input\[1\]\.dims\[1\]: expected an integer, got null/],
  [{ input: [{ data_type: 'FP32' }] }, /input\[0\]\.data_type: expected one of/],
  [{ input: [{ optional: 'true' }] }, /input\[0\]\.optional: expected true or false/],
  [{ parameters: [] }, /parameters: expected an object/],
  [{ parameters: { k: 'v' } }, /parameters\["k"\]: expected an object, got "v"/],
  [{ dynamic_batching: {}, sequence_batching: {} }, /cannot stand beside dynamic_batching/],
];

for (const [config, problem] of refused) {
  test(`${JSON.stringify(config)} is refused with the field and what belongs there`, () => {
    const refusal = refusalOf(() => read(config));
    assert.deepEqual([refusal.code, refusal.reason], ['invalid_argument', 'MODEL_CONFIG']);
    assert.match(refusal.message, problem);
  });
}

test('text that is no JSON, is too long or nests too deep is refused', () => {
  assert.match(refusalOf(() => configFromJson('{', 'm')).message, /is not valid JSON/);
  assert.match(refusalOf(() => configFromJson(' '.repeat(2 ** 20 + 1), 'm')).message, /longer than/);
  const deep = `{"input":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
  assert.match(refusalOf(() => configFromJson(deep, 'm')).message, /expected an object, got|valid JSON/);
});
