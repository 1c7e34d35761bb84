import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerJson, renderAnswer } from '../../../src/cli/show-answer.ts';
import { percentile, timingLine } from '../../../src/cli/timing.ts';
import type { OutputTensor } from '../../../src/client/types.ts';

function answer(...outputs: OutputTensor[]): Parameters<typeof answerJson>[0] {
  return { model: 'm', version: '1', id: '', parameters: {}, outputs };
}

test('long answers are cut, and say so', () => {
  const data = Float32Array.from({ length: 30 * 20 }, (_, index) => index / 3);
  const shown = renderAnswer(answer({ name: 'x', datatype: 'FP32', shape: [30, 20], data }), new Set());
  assert.match(shown, /\(10 more rows, 8 more values a row: --json\)\n$/);
  assert.equal(shown.split('\n').length, 1 + 1 + 20 + 1 + 1);
});

test('scalars, empty tensors, truth values and texts are shown', () => {
  const text = new TextEncoder().encode('a\u0007b');
  const shown = renderAnswer(
    answer(
      { name: 's', datatype: 'FP64', shape: [], data: Float64Array.of(0.1 + 0.2) },
      { name: 'e', datatype: 'FP32', shape: [0, 3], data: new Float32Array() },
      { name: 'b', datatype: 'BOOL', shape: [2], data: Uint8Array.of(1, 0) },
      { name: 't', datatype: 'BYTES', shape: [1], data: [text] },
    ),
    new Set(),
  );
  assert.match(shown, /s {2}FP64 \[\]\nrow {2}value\n {2}0 {4}0\.3\n/);
  assert.match(shown, /e {2}FP32 \[0, 3\]\nrow {2}0 {2}1 {2}2\n\n/);
  assert.match(shown, /0 {3}true\n {2}1 {2}false\n/);
  assert.match(shown, /a\\x07b/);
});

test('JSON keeps wide integers exact and truth values as such', () => {
  const json = answerJson(
    answer(
      { name: 'w', datatype: 'INT64', shape: [2], data: BigInt64Array.of(5n, 2n ** 60n) },
      { name: 'b', datatype: 'BOOL', shape: [1], data: Uint8Array.of(1) },
    ),
  );
  assert.deepEqual(
    JSON.parse(json).outputs.map(({ data }: { data: unknown }) => data),
    [[5, '1152921504606846976'], [true]],
  );
});

test('float32 is printed with the digits it has', () => {
  const data = Float32Array.of(0.1, 1 / 3, 16_777_216, 3.4028234e38);
  const json = answerJson(answer({ name: 'f', datatype: 'FP32', shape: [4], data }));
  const decimals = JSON.parse(json).outputs[0].data;
  assert.deepEqual(decimals, [0.1, 0.33333334, 16_777_216, 3.4028235e38]);
  assert.deepEqual(Float32Array.from(decimals), data);
});

test('percentiles are by nearest rank', () => {
  const times = Array.from({ length: 100 }, (_, index) => index + 1);
  assert.deepEqual(
    [percentile(times, 0.5), percentile(times, 0.99), percentile(times, 1), percentile([7], 0.5)],
    [50, 99, 100, 7],
  );
  assert.match(timingLine([4, 1, 2]), /^3 calls.*p50 2\.00 ms.*max 4\.00 ms, 429 per second\n$/);
  assert.equal(timingLine([1.234]), '1.23 ms round trip\n');
});
