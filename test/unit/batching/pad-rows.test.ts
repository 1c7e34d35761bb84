import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { cutRows, padRows } from '../../../src/batching/pad-rows.ts';
import { RowReader } from '../../../src/batching/split.ts';
import type { Tensor } from '../../../src/inference/tensor.ts';

const fill = new Uint8Array(new Float32Array(4).fill(-1).buffer);

function tensor(shape: readonly number[], first = 0): Tensor {
  const count = shape.reduce((product, dim) => product * dim, 1);
  const values = Float32Array.from({ length: count }, (_, index) => first + index);
  return { name: 'x', datatype: 'FP32', shape, data: new Uint8Array(values.buffer) };
}

function valuesOf(data: Uint8Array): number[] {
  return Array.from(new Float32Array(new Uint8Array(data).buffer));
}

test('each row is filled up behind its own elements', () => {
  const parts: Uint8Array[] = [];
  const sizeBytes = padRows(tensor([2, 2], 1), { axis: 1, size: 3, fill }, parts);
  assert.deepEqual(valuesOf(Buffer.concat(parts)), [1, 2, -1, 3, 4, -1]);
  assert.equal(sizeBytes, 24);
});

test('an axis in the middle is filled up with whole slices', () => {
  const parts: Uint8Array[] = [];
  padRows(tensor([1, 2, 2], 1), { axis: 1, size: 3, fill }, parts);
  assert.deepEqual(valuesOf(Buffer.concat(parts)), [1, 2, 3, 4, -1, -1]);
});

test('what needs no padding is passed on as it is', () => {
  const whole = tensor([2, 3]);
  const parts: Uint8Array[] = [];
  padRows(whole, { axis: 1, size: 3, fill }, parts);
  assert.equal(parts[0], whole.data);
  assert.equal(cutRows(whole, 1, 3), whole);
});

test('fill of any length is made of one small piece', () => {
  const parts: Uint8Array[] = [];
  padRows(tensor([1, 1]), { axis: 1, size: 12, fill }, parts);
  assert.deepEqual(valuesOf(Buffer.concat(parts)), [0, ...Array.from({ length: 11 }, () => -1)]);
  assert.ok(parts.slice(1).every(({ buffer }) => buffer === fill.buffer));
});

test('one row is cut back without a copy', () => {
  const whole = tensor([1, 4, 2]);
  const cut = cutRows(whole, 1, 3);
  assert.equal(cut.data.buffer, whole.data.buffer);
  assert.deepEqual(
    [cut.shape, valuesOf(cut.data)],
    [
      [1, 3, 2],
      [0, 1, 2, 3, 4, 5],
    ],
  );
});

const dims = fc.record({
  rank: fc.integer({ min: 2, max: 4 }),
  axis: fc.nat(),
  inner: fc.tuple(
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 1, max: 3 }),
  ),
  requests: fc.array(
    fc.record({ rows: fc.integer({ min: 1, max: 4 }), size: fc.integer({ min: 1, max: 9 }) }),
    { minLength: 1, maxLength: 5 },
  ),
  spare: fc.integer({ min: 0, max: 3 }),
});

test('what is padded, joined, split and cut back is what it was', () => {
  fc.assert(
    fc.property(dims, ({ rank, axis: pick, inner, requests, spare }) => {
      const axis = 1 + (pick % (rank - 1));
      const size = Math.max(...requests.map((request) => request.size)) + spare;
      const shapeOf = (rows: number, own: number): number[] =>
        [rows, ...inner.slice(0, rank - 1)].with(axis, own);
      const tensors = requests.map((request, index) =>
        tensor(shapeOf(request.rows, request.size), index * 1_000),
      );
      const parts: Uint8Array[] = [];
      let sizeBytes = 0;
      for (const own of tensors) sizeBytes += padRows(own, { axis, size, fill }, parts);
      const data = Buffer.concat(parts);
      const rows = requests.reduce((sum, request) => sum + request.rows, 0);
      const joined: Tensor = { name: 'x', datatype: 'FP32', shape: shapeOf(rows, size), data };
      assert.equal(data.byteLength, sizeBytes);
      assert.equal(data.byteLength, 4 * joined.shape.reduce((product, dim) => product * dim, 1));
      const reader = new RowReader(joined);
      for (const [index, own] of tensors.entries()) {
        const cut = cutRows(reader.next(requests[index]!.rows), axis, requests[index]!.size);
        assert.deepEqual(cut.shape, own.shape);
        assert.ok(Buffer.from(cut.data).equals(own.data));
      }
    }),
  );
});
