import assert from 'node:assert/strict';
import { test } from 'node:test';

import { disagreement } from '../../../src/batching/agreement.ts';
import type { Datatype } from '../../../src/inference/datatype.ts';
import type { Tensor } from '../../../src/inference/tensor.ts';

function tensor(shape: readonly number[], elements: ArrayBufferView, datatype: Datatype = 'FP32'): Tensor {
  const data = new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
  return { name: 'y', datatype, shape, data };
}

const one = [tensor([1, 2], Float32Array.of(1, 2))];
const two = [tensor([1, 2], Float32Array.of(3, 4))];

for (const { name, batched, single, reason } of [
  {
    name: 'equal rows agree',
    batched: [tensor([2, 2], Float32Array.of(1, 2, 3, 4))],
    single: [one, two],
    reason: '',
  },
  {
    name: 'rows within the tolerance agree',
    batched: [tensor([2, 2], Float32Array.of(1, 2.00001, 3, 4))],
    single: [one, two],
    reason: '',
  },
  {
    name: 'a row that differs is told',
    batched: [tensor([2, 2], Float32Array.of(1, 2.01, 3, 4))],
    single: [one, two],
    reason: "output 'y' depends on the other rows of a batch",
  },
  {
    name: 'an output without its rows is told',
    batched: [tensor([1, 2], Float32Array.of(1, 2))],
    single: [one, two],
    reason: "output 'y' does not follow the batch dimension",
  },
  {
    name: 'a scalar output is told',
    batched: [tensor([], Float32Array.of(1))],
    single: [[tensor([], Float32Array.of(1))]],
    reason: "output 'y' has no batch dimension",
  },
  {
    name: 'NaN agrees with NaN',
    batched: [tensor([1, 2], Float32Array.of(Number.NaN, 2))],
    single: [[tensor([1, 2], Float32Array.of(Number.NaN, 2))]],
    reason: '',
  },
  {
    name: 'integers must be equal',
    batched: [tensor([1, 1], BigInt64Array.of(1_000_000n), 'INT64')],
    single: [[tensor([1, 1], BigInt64Array.of(1_000_001n), 'INT64')]],
    reason: "output 'y' depends on the other rows of a batch",
  },
  {
    name: 'half precision is compared by value',
    batched: [tensor([1, 2], Uint16Array.of(0x3c00, 0x4000), 'FP16')],
    single: [[tensor([1, 2], Uint16Array.of(0x3c00, 0x4001), 'FP16')]],
    reason: "output 'y' depends on the other rows of a batch",
  },
  {
    name: 'a missing output is told',
    batched: [tensor([1, 2], Float32Array.of(1, 2))],
    single: [[]],
    reason: "output 'y' is missing in single runs",
  },
]) {
  test(name, () => {
    assert.equal(disagreement(batched, single), reason);
  });
}

test('half precision within a wider tolerance agrees', () => {
  const batched = [tensor([1, 1], Uint16Array.of(0x4000), 'FP16')];
  const single = [[tensor([1, 1], Uint16Array.of(0x4001), 'FP16')]];
  assert.equal(disagreement(batched, single, { relative: 1e-3, absolute: 0 }), '');
});

test('bfloat16 within a wider tolerance agrees', () => {
  const batched = [tensor([1, 1], Uint16Array.of(0x3f80), 'BF16')];
  const single = [[tensor([1, 1], Uint16Array.of(0x3f81), 'BF16')]];
  assert.equal(disagreement(batched, single, { relative: 1e-2, absolute: 0 }), '');
  assert.notEqual(disagreement(batched, single), '');
});
