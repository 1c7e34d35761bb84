import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Tensor } from '../../../../src/inference/tensor.ts';
import { readElements } from '../../../../src/observability/predictions/read-elements.ts';
import { byteElements } from '../../../support/build-request.ts';

function tensor(datatype: Tensor['datatype'], elements: ArrayBufferView, count: number): Tensor {
  const bytes = Buffer.from(elements.buffer, elements.byteOffset, elements.byteLength);
  // Not aligned, as tensors in messages are.
  const data = Buffer.concat([Buffer.from([0]), bytes]).subarray(1);
  return { name: 'x', datatype, shape: [count], data };
}

const cases: readonly (readonly [Tensor['datatype'], ArrayBufferView, readonly unknown[]])[] = [
  ['BOOL', new Uint8Array([0, 1]), [false, true]],
  ['INT8', new Int8Array([-1, 5]), [-1, 5]],
  ['UINT16', new Uint16Array([65_535]), [65_535]],
  ['INT32', new Int32Array([-7]), [-7]],
  ['INT64', new BigInt64Array([-3n, 2n ** 60n]), [-3, '1152921504606846976']],
  ['UINT64', new BigUint64Array([2n ** 64n - 1n]), ['18446744073709551615']],
  ['FP16', new Float16Array([0.5, Infinity]), [0.5, null]],
  ['BF16', new Uint16Array([0x3fc0]), [1.5]],
  ['FP32', new Float32Array([0.1, NaN, 5.1, 1 / 3]), [0.1, null, 5.1, 0.33333334]],
  ['FP64', new Float64Array([0.1, -Infinity]), [0.1, null]],
];

for (const [datatype, elements, read] of cases) {
  test(`elements of ${datatype} are read as JSON can carry them`, () => {
    assert.deepEqual(readElements(tensor(datatype, elements, read.length), 0, read.length), read);
  });
}

test('texts are read by their place', () => {
  assert.deepEqual(readElements(byteElements('x', ['eins', 'zwei', 'drei']), 1, 3), ['zwei', 'drei']);
});

test('long texts are cut', () => {
  const [text] = readElements(byteElements('x', ['a'.repeat(5000)]), 0, 1);
  assert.equal(text, 'a'.repeat(1024));
});
