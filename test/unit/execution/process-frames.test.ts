import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ServingError } from '../../../src/errors.ts';
import {
  failedFrame,
  headerBytes,
  outputFrame,
  readFailed,
  readHeader,
  readOpened,
  readOutputFrame,
} from '../../../src/execution/process-frames.ts';
import type { Tensor } from '../../../src/inference/tensor.ts';

const times = { inputMs: 1, inferMs: 2, outputMs: 3, cpuMs: undefined };

const output = (name: string, sizeBytes: number): Tensor => ({
  name,
  datatype: 'UINT8',
  shape: [1, sizeBytes],
  data: new Uint8Array(sizeBytes).fill(sizeBytes),
});

function bodyOf(outputs: readonly Tensor[]): Buffer {
  const frame = Buffer.concat(outputFrame(outputs, times));
  const { sizeBytes } = readHeader(frame);
  assert.equal(frame.byteLength, headerBytes + sizeBytes);
  return frame.subarray(headerBytes);
}

test('outputs of any size come back as they were, at multiples of eight bytes', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(70), { minLength: 1, maxLength: 6 }), (sizes) => {
      const outputs = sizes.map((size, index) => output(`o${index}`, size));
      const body = bodyOf(outputs);
      const read = readOutputFrame(
        body,
        outputs.map(({ name }) => name),
        10,
      );
      assert.deepEqual([read.inputMs, read.inferMs, read.outputMs, read.cpuMs], [11, 2, 3, undefined]);
      for (const [index, { data, ...rest }] of read.outputs.entries()) {
        const { data: sent, ...wanted } = output(`o${index}`, sizes[index] ?? 0);
        assert.deepEqual(rest, wanted);
        assert.equal(Buffer.compare(data, sent), 0);
        assert.equal((data.byteOffset - body.byteOffset) % 8, 0);
      }
    }),
    { numRuns: 50 },
  );
});

test('a body that does not hold what it says is refused, and nothing is read outside of it', () => {
  const body = bodyOf([output('a', 24)]);
  assert.throws(() => readOutputFrame(body, ['a', 'b'], 0), /another number of outputs/);
  assert.throws(() => readOutputFrame(body.subarray(0, 30), ['a'], 0), RangeError);
  assert.throws(
    () => readOutputFrame(body.subarray(0, body.byteLength - 8), ['a'], 0),
    /outside of its frame/,
  );
  const large = Buffer.from(body);
  large.writeDoubleLE(2 ** 40, 9 * 8);
  assert.throws(() => readOutputFrame(large, ['a'], 0), /outside of its frame/);
  const strange = Buffer.from(body);
  strange.writeDoubleLE(1_000, 5 * 8);
  assert.throws(() => readOutputFrame(strange, ['a'], 0), /unknown datatype/);
  const endless = Buffer.from(body);
  endless.writeDoubleLE(Infinity, 6 * 8);
  assert.throws(() => readOutputFrame(endless, ['a'], 0), RangeError);
});

test('an error keeps its code, text and reason on its way, and its cause for the log', () => {
  const error = new ServingError('invalid_argument', 'no', { reason: 'WHY', cause: new Error('inner') });
  const read = readFailed(failedFrame(error).subarray(headerBytes));
  assert.deepEqual([read.code, read.message, read.reason], ['invalid_argument', 'no', 'WHY']);
  assert.ok(read.cause instanceof Error && read.cause.message === 'inner');
});

test('a process that does not say what it opened is refused', () => {
  assert.throws(() => readOpened(Buffer.from('{"kind":"opened"}')), /what it opened/);
  assert.throws(() => readOpened(Buffer.from('[')), SyntaxError);
});
