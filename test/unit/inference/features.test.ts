import assert from 'node:assert/strict';
import { test } from 'node:test';
import { featureProblem, rangeProblem, type Feature } from '../../../src/inference/features.ts';

function feature(given: Partial<Feature>): Feature {
  return {
    name: 'f',
    description: '',
    type: 'number',
    input: 'x',
    min: undefined,
    max: undefined,
    values: [],
    default: undefined,
    nonFinite: 'refuse',
    ...given,
  };
}

const taken: readonly (readonly [Partial<Feature>, unknown])[] = [
  [{ type: 'number' }, 1.5],
  [{ type: 'number' }, 2n ** 60n],
  [{ type: 'number', nonFinite: 'nan' }, NaN],
  [{ type: 'number', nonFinite: 'allow' }, -Infinity],
  [{ type: 'number', min: 0, max: 1 }, 1],
  [{ type: 'integer' }, -3],
  [{ type: 'integer', values: [1, 2] }, 2],
  [{ type: 'boolean' }, true],
  [{ type: 'boolean' }, 0],
  [{ type: 'text', values: ['a', 'b'] }, 'b'],
];

for (const [given, value] of taken) {
  test(`${JSON.stringify(given)} takes ${String(value)}`, () => {
    assert.equal(featureProblem(feature(given), value), '');
  });
}

const refused: readonly (readonly [Partial<Feature>, unknown, string])[] = [
  [{ type: 'number' }, '1', 'must be a number'],
  [{ type: 'number' }, true, 'must be a number'],
  [{ type: 'number' }, NaN, 'must not be NaN'],
  [{ type: 'number' }, Infinity, 'must be finite'],
  [{ type: 'number', nonFinite: 'nan' }, Infinity, 'must be finite'],
  [{ type: 'number', min: 0 }, -1, 'must be at least 0, is -1'],
  [{ type: 'number', max: 5 }, 2n ** 60n, 'must be at most 5, is 1152921504606846976'],
  [{ type: 'integer' }, 1.5, 'must be a whole number'],
  [{ type: 'integer' }, NaN, 'must be a whole number'],
  [{ type: 'integer', values: [1, 2] }, 3, 'must be one of 1, 2'],
  [{ type: 'boolean' }, 2, 'must be true or false'],
  [{ type: 'text' }, 1, 'must be a text'],
  [{ type: 'text', values: ['a'] }, 'b', 'must be one of "a"'],
];

for (const [given, value, problem] of refused) {
  test(`${JSON.stringify(given)} refuses ${String(value)}`, () => {
    assert.equal(featureProblem(feature(given), value), problem);
  });
}

const ranges = [
  ['UINT8', 255, ''],
  ['UINT8', 256, 'is out of range for UINT8'],
  ['INT8', -129, 'is out of range for INT8'],
  ['INT64', 2n ** 63n - 1n, ''],
  ['INT64', 2n ** 63n, 'is out of range for INT64'],
  ['UINT64', -1, 'is out of range for UINT64'],
  ['FP16', 65_504, ''],
  ['FP16', 65_536, 'is out of range for FP16'],
  ['FP32', 1e39, 'is out of range for FP32'],
  ['FP32', Infinity, ''],
  ['FP32', NaN, ''],
  ['FP64', 1e308, ''],
  ['BOOL', true, ''],
  ['BYTES', 'text', ''],
] as const;

for (const [datatype, value, problem] of ranges) {
  test(`${datatype} ${problem === '' ? 'has room' : 'has no room'} for ${String(value)}`, () => {
    assert.equal(rangeProblem(datatype, value), problem);
  });
}
