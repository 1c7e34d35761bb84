import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { RequestSlot, largestSlotBytes, readRequest } from '../../../src/execution/request-slot.ts';
import { datatypeSizeBytes } from '../../../src/inference/datatype.ts';
import type { SessionMetadata } from '../../../src/inference/executor.ts';
import { buildBatch, buildInput, unaligned } from '../../support/build-batch.ts';

const metadata: SessionMetadata = {
  inputs: [
    { name: 'a', datatype: 'FP32', shape: [''] },
    { name: 'b', datatype: 'INT64', shape: [''] },
  ],
  outputs: [
    { name: 'y', datatype: 'FP32', shape: [''] },
    { name: 'z', datatype: 'FP32', shape: [''] },
  ],
};

const bytesBatch = (sizeBytes: number) =>
  buildBatch([buildInput('a', 'UINT8', [sizeBytes], [new Uint8Array(sizeBytes).fill(7)])]);

test('what is written is read, inputs aligned and parts joined', () => {
  const parts = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 });
  fc.assert(
    fc.property(parts, parts, fc.subarray(['y', 'z'], { minLength: 1 }), (first, second, outputs) => {
      const a = buildInput('a', 'FP32', [3, 0, 2], first.map(unaligned));
      const b = buildInput('b', 'INT64', [], second);
      const slot = new RequestSlot(metadata);
      const memory = slot.write(buildBatch([b, a], outputs));
      assert(memory !== undefined);
      const read = readRequest(memory, metadata);
      assert.deepEqual(read.outputs, outputs);
      assert.deepEqual(
        read.inputs.map(({ name, datatype, shape, bytes }) => [name, datatype, shape, [...bytes]]),
        [
          ['b', 'INT64', [], second.flatMap((part) => [...part])],
          ['a', 'FP32', [3, 0, 2], first.flatMap((part) => [...part])],
        ],
      );
      for (const input of read.inputs) {
        assert.equal(input.bytes.byteOffset % datatypeSizeBytes[input.datatype], 0);
      }
    }),
    { numRuns: 100 },
  );
});

test('an absent input is absent on the other side', () => {
  const memory = new RequestSlot(metadata).write(bytesBatch(1));
  assert(memory !== undefined);
  assert.deepEqual(
    readRequest(memory, metadata).inputs.map(({ name }) => name),
    ['a'],
  );
});

test('memory is kept while batches fit, and grows by powers of two', () => {
  const slot = new RequestSlot(metadata);
  assert.equal(slot.write(bytesBatch(10))?.byteLength, 4_096);
  assert.equal(slot.write(bytesBatch(2_000)), undefined);
  assert.equal(slot.write(bytesBatch(5_000))?.byteLength, 8_192);
  assert.equal(slot.write(bytesBatch(5_000)), undefined);
});

test('memory long used for a quarter at most is given back', () => {
  const slot = new RequestSlot(metadata);
  slot.write(bytesBatch(100_000));
  const replaced = Array.from({ length: 300 }, () => slot.write(bytesBatch(10))?.byteLength);
  assert.deepEqual(
    replaced.filter((size) => size !== undefined),
    [4_096],
  );
});

test('a large batch now and then keeps the memory', () => {
  const slot = new RequestSlot(metadata);
  slot.write(bytesBatch(100_000));
  for (let index = 0; index < 1_000; index += 1) {
    assert.equal(slot.write(bytesBatch(index % 100 === 0 ? 100_000 : 10)), undefined);
  }
});

test('new memory is announced by the next batch when the one that grew it was refused', () => {
  const slot = new RequestSlot(metadata);
  const unknown = buildBatch([buildInput('nobody', 'UINT8', [1], [new Uint8Array(1)])]);
  assert.throws(() => slot.write(unknown), {
    code: 'invalid_argument',
    message: "the model has no input 'nobody'",
  });
  assert.equal(slot.write(bytesBatch(1))?.byteLength, 4_096);
});

test('an unknown output is refused', () => {
  const batch = buildBatch(bytesBatch(1).inputs, ['nobody']);
  assert.throws(() => new RequestSlot(metadata).write(batch), { code: 'invalid_argument' });
});

test('a batch above the bound is refused before memory is taken', () => {
  const claimed = { ...buildInput('a', 'UINT8', [1], []), sizeBytes: largestSlotBytes + 1 };
  assert.throws(() => new RequestSlot(metadata).write(buildBatch([claimed])), { code: 'resource_exhausted' });
});

test('parts that do not add up to the size are a bug, not a wrong answer', () => {
  const lying = { ...buildInput('a', 'UINT8', [4], [new Uint8Array(3)]), sizeBytes: 4 };
  assert.throws(() => new RequestSlot(metadata).write(buildBatch([lying])), /bug/);
});
