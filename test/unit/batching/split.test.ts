import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import { RowReader } from '../../../src/batching/split.ts';
import type { Tensor } from '../../../src/inference/tensor.ts';

function encodeBytes(elements: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(
    elements.flatMap((element) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(element.byteLength);
      return [length, element];
    }),
  );
}

const rowCounts = fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 8 });

test('splitting joined tensors of fixed-size elements gives the tensors', () => {
  fc.assert(
    fc.property(rowCounts, fc.integer({ min: 0, max: 4 }), (counts, width) => {
      const parts = counts.map((rows, part) => ({
        name: 'y',
        datatype: 'INT16' as const,
        shape: [rows, width],
        data: new Uint8Array(rows * width * 2).fill(part + 1),
      }));
      assertSplits(parts);
    }),
  );
});

test('splitting joined tensors of byte strings gives the tensors', () => {
  const elements = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(rowCounts, fc.integer({ min: 1, max: 3 }), elements, (counts, width, pool) => {
      let next = 0;
      const parts = counts.map((rows) => ({
        name: 'y',
        datatype: 'BYTES' as const,
        shape: [rows, width],
        data: encodeBytes(Array.from({ length: rows * width }, () => pool[next++ % pool.length]!)),
      }));
      assertSplits(parts);
    }),
    { numRuns: 50 },
  );
});

function assertSplits(parts: readonly Tensor[]): void {
  const rows = parts.reduce((sum, part) => sum + part.shape[0]!, 0);
  const data = Buffer.concat(parts.map((part) => part.data));
  const reader = new RowReader({ ...parts[0]!, shape: [rows, ...parts[0]!.shape.slice(1)], data });
  for (const part of parts) {
    const own = reader.next(part.shape[0]!);
    assert.deepEqual(own.shape, part.shape);
    assert.equal(Buffer.compare(own.data, part.data), 0);
    if (own.data.byteLength > 0) assert.equal(own.data.buffer, data.buffer, 'a view, not a copy');
  }
}

test('byte strings that are cut short never reach beyond the data', () => {
  const data = Uint8Array.of(255, 0, 0, 0, 1);
  const reader = new RowReader({ name: 'y', datatype: 'BYTES', shape: [2], data });
  assert.equal(reader.next(1).data.byteLength, 5);
  assert.equal(reader.next(1).data.byteLength, 0);
});
