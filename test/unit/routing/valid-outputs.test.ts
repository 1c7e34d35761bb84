import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Datatype } from '../../../src/inference/datatype.ts';
import { noParameters } from '../../../src/inference/request.ts';
import type { InferResponse } from '../../../src/inference/response.ts';
import { outputsValid } from '../../../src/routing/valid-outputs.ts';

function answer(datatype: Datatype, data: ArrayBufferView<ArrayBuffer>): InferResponse {
  // One byte further, so that nothing is aligned.
  const bytes = new Uint8Array(data.byteLength + 1);
  bytes.set(new Uint8Array(data.buffer), 1);
  const outputs = [{ name: 'y', datatype, shape: [1], data: bytes.subarray(1) }];
  return { model: 'm', version: '1', id: '', outputs, parameters: noParameters };
}

const cases: readonly (readonly [string, Datatype, ArrayBufferView<ArrayBuffer>, boolean])[] = [
  ['numbers', 'FP32', new Float32Array([0.5, -1e30]), true],
  ['a NaN', 'FP32', new Float32Array([0.5, Number.NaN]), false],
  ['an infinity', 'FP64', new Float64Array([-Infinity]), false],
  ['a NaN of half precision', 'FP16', new Float16Array([Number.NaN]), false],
  ['whole numbers', 'INT64', new BigInt64Array([-1n]), true],
  ['nothing', 'FP32', new Float32Array([]), true],
];

for (const [title, datatype, data, valid] of cases) {
  test(`${title} in an output: ${valid ? 'valid' : 'not valid'}`, () => {
    assert.equal(outputsValid(answer(datatype, data), []), valid);
  });
}

test('a value outside of its range is not valid, and other outputs have none', () => {
  const scores = answer('FP32', new Float32Array([0, 1, 1.5]));
  assert.equal(outputsValid(scores, [{ output: 'y', min: 0, max: 2 }]), true);
  assert.equal(outputsValid(scores, [{ output: 'y', min: 0, max: 1 }]), false);
  assert.equal(outputsValid(scores, [{ output: 'z', min: 0, max: 1 }]), true);
});

test('of a large output so many elements are looked at that a wrong stretch is found', () => {
  const large = new Float32Array(1_000_000).fill(Number.NaN, 400_000, 410_000);
  assert.equal(outputsValid(answer('FP32', large), []), false);
});
