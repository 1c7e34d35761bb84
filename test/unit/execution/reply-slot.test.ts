import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  readReply,
  replySlotBytes,
  ReplySlots,
  writeReply,
  writeReplyTimes,
} from '../../../src/execution/reply-slot.ts';
import type { Tensor } from '../../../src/inference/tensor.ts';

const output = (name: string, sizeBytes: number, fill = 1): Tensor => ({
  name,
  datatype: 'UINT8',
  shape: [1, sizeBytes],
  data: new Uint8Array(sizeBytes).fill(fill),
});

test('outputs of any size come back as they were, small ones by the slot and large ones beside it', () => {
  const sizes = fc.array(fc.oneof(fc.nat(2_000), fc.constantFrom(0, 32_768, 32_769, 100_000)), {
    minLength: 1,
    maxLength: 6,
  });
  fc.assert(
    fc.property(sizes, (lengths) => {
      const slot = new SharedArrayBuffer(replySlotBytes);
      const outputs = lengths.map((length, index) => output(`o${index}`, length, index + 1));
      const buffers = writeReply(slot, outputs);
      writeReplyTimes(slot, { inputMs: 1, inferMs: 2, outputMs: 3, cpuMs: 5 });
      const names = outputs.map(({ name }) => name);
      const result = readReply(slot, names, buffers, 10);
      assert.deepEqual([result.inputMs, result.inferMs, result.outputMs, result.cpuMs], [11, 2, 3, 5]);
      for (const [index, read] of result.outputs.entries()) {
        assert.deepEqual(
          { ...read, data: Buffer.compare(read.data, outputs[index]!.data) },
          { ...outputs[index]!, data: 0 },
        );
      }
    }),
    { numRuns: 50 },
  );
});

test('what was read stays when the slot is written again', () => {
  const slot = new SharedArrayBuffer(replySlotBytes);
  writeReply(slot, [output('y', 100, 1)]);
  const first = readReply(slot, ['y'], [], 0);
  writeReply(slot, [output('y', 100, 2)]);
  assert.equal(first.outputs[0]!.data[50], 1);
});

test('a large output is handed over, not copied', () => {
  const large = output('y', 1_000_000);
  const buffers = writeReply(new SharedArrayBuffer(replySlotBytes), [large]);
  assert.equal(buffers[0], large.data.buffer);
});

test('a large output that shares its buffer travels alone', () => {
  const whole = new Uint8Array(200_000).fill(9);
  const part: Tensor = { name: 'y', datatype: 'UINT8', shape: [100_000], data: whole.subarray(5, 100_005) };
  const buffers = writeReply(new SharedArrayBuffer(replySlotBytes), [part]);
  assert.equal(buffers[0]?.byteLength, 100_000);
});

test('a slot that was given back is taken again, and only so many are kept', () => {
  const slots = new ReplySlots();
  const first = slots.take();
  assert.equal(first.byteLength, replySlotBytes);
  assert.notEqual(slots.take(), first);
  slots.giveBack(first);
  assert.equal(slots.take(), first);
  const many = Array.from({ length: 40 }, () => slots.take());
  for (const slot of many) slots.giveBack(slot);
  const again = Array.from({ length: 40 }, () => slots.take());
  assert.equal(again.filter((slot) => many.includes(slot)).length, 16);
});
