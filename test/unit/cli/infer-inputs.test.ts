import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildInputs, fitShape } from '../../../src/cli/infer-inputs.ts';
import { ServingError } from '../../../src/errors.ts';
import type { ModelMetadata } from '../../../src/inference/catalog.ts';
import { buildPng } from '../../support/build-png.ts';
import { TemporaryFolder } from '../../support/temporary-folder.ts';

const raw = { scale: undefined, mean: [], deviation: [] };

function model(...inputs: readonly (readonly [string, string, number[]])[]): ModelMetadata {
  const tensors = inputs.map(([name, datatype, shape]) => ({ name, datatype, shape }));
  return { name: 'm', versions: ['1'], platform: 'onnx', inputs: tensors, outputs: [] };
}

const iris = model(['features', 'FP32', [-1, 4]]);
const pair = model(['a', 'INT64', [-1]], ['b', 'BYTES', [-1, 1]]);

test('nested and flat JSON, with and without a name, fit the declared shape', () => {
  for (const word of ['[[1,2,3,4]]', '[1,2,3,4]', 'features=[[1,2,3,4]]', 'features=[1,2,3,4]']) {
    assert.deepEqual(buildInputs([word], iris, raw), [
      { name: 'features', datatype: 'FP32', shape: [1, 4], data: [1, 2, 3, 4] },
    ]);
  }
  assert.deepEqual(buildInputs(['[1,2,3,4,5,6,7,8]'], iris, raw)[0]?.shape, [2, 4]);
});

test('texts are BYTES elements, and decimal texts are wide integers', () => {
  assert.deepEqual(buildInputs(['a=[1, "9007199254740993"]', 'b=[["x"],["y"]]'], pair, raw), [
    { name: 'a', datatype: 'INT64', shape: [2], data: [1, 9007199254740993n] },
    { name: 'b', datatype: 'BYTES', shape: [2, 1], data: ['x', 'y'] },
  ]);
});

test("a file in the protocol's JSON form gives all inputs", () => {
  using folder = new TemporaryFolder();
  const request = {
    inputs: [
      { name: 'a', datatype: 'INT64', shape: [2], data: [1, 2] },
      { name: 'b', data: [['x']] },
    ],
  };
  const path = folder.write('request.json', JSON.stringify(request));
  assert.deepEqual(buildInputs([`@${path}`], pair, raw), [
    { name: 'a', datatype: 'INT64', shape: [2], data: [1, 2] },
    { name: 'b', datatype: 'BYTES', shape: [1, 1], data: ['x'] },
  ]);
});

test('the example arrays and pictures become tensors of the declared datatype', () => {
  const digits = model(['image', 'FP32', [-1, 8, 8]]);
  const npy = new URL('../../../examples/inputs/digits.npy', import.meta.url).pathname;
  const [array] = buildInputs([`image=@${npy}`], digits, raw);
  assert.deepEqual(array?.shape, [4, 8, 8]);
  assert.ok(array?.data instanceof Float32Array);
  const pgm = new URL('../../../examples/inputs/digit-7.pgm', import.meta.url).pathname;
  const [picture] = buildInputs([`@${pgm}`], digits, raw);
  assert.deepEqual(picture?.shape, [1, 8, 8]);
  assert.equal(Math.max(...Array.from(picture?.data ?? [], Number)), 16);
});

test('a picture for an integer input is rounded', () => {
  using folder = new TemporaryFolder();
  const path = folder.write('p.png', buildPng({ width: 2, height: 1, depth: 8, colour: 0 }, [0, 10, 11]));
  const [tensor] = buildInputs([`@${path}`], model(['x', 'UINT8', [1, 1]]), raw);
  assert.deepEqual(tensor, { name: 'x', datatype: 'UINT8', shape: [1, 1], data: [11] });
});

const refused: readonly (readonly [string, ModelMetadata, string, RegExp])[] = [
  ['an unknown input', iris, 'x=[1]', /m has no input x; it has features/],
  ['no name among several', pair, '[1]', /several inputs, say which: a, b/],
  ['no JSON', iris, 'features=one', /not JSON: one/],
  ['a missing file', iris, '@/nowhere.json', /cannot read \/nowhere\.json \(ENOENT\)/],
  ['lists of unequal length', iris, '[[1,2],[3]]', /unequal/],
  ['a number that no number of JavaScript holds', iris, '[1,2,3,1e400]', /out of the range of FP32/],
  ['a number that no float holds', iris, '[1,2,3,-3.5e38]', /out of the range of FP32/],
  ['lists nested unequally', iris, '[1,[2]]', /unequal/],
  ['an object as an element', iris, '[{"x":1}]', /not an element of a tensor/],
  ['a word as a wide integer', pair, 'a=["x"]', /is not an integer/],
];

for (const [what, metadata, word, expected] of refused) {
  test(`${what} is refused`, () => {
    assert.throws(
      () => buildInputs([word], metadata, raw),
      (error) => error instanceof ServingError && error.reason === 'USAGE' && expected.test(error.message),
    );
  });
}

test('a shape that does not clearly fit is left for the server to judge', () => {
  assert.deepEqual(fitShape([5], [-1, 4], 5), [5]);
  assert.deepEqual(fitShape([8], [-1, -1], 8), [1, 8]);
  assert.deepEqual(fitShape([2, 2], [-1, 3, 2, 2], 4), [2, 2]);
  assert.deepEqual(fitShape([], [1], 1), []);
});
