import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noParameters } from '../../../src/inference/request.ts';
import type { InferResponse } from '../../../src/inference/response.ts';
import type { Agreement } from '../../../src/inference/traffic-split.ts';
import { answersAgree } from '../../../src/routing/compare-answers.ts';

function answer(values: readonly number[], shape = [1, values.length], name = 'y'): InferResponse {
  const data = new Uint8Array(new Float32Array(values).buffer);
  const outputs = [{ name, datatype: 'FP32' as const, shape, data }];
  return { model: 'm', version: '1', id: '', outputs, parameters: noParameters };
}

const exact: Agreement = { kind: 'exact' };
const close: Agreement = { kind: 'tolerance', absolute: 0.01, relative: 0.1 };
const top1: Agreement = { kind: 'top1' };
const rank: Agreement = { kind: 'rank', count: 2 };
const nan = Number.NaN;

const cases: readonly (readonly [Agreement, readonly number[], readonly number[], boolean])[] = [
  [exact, [1, 2], [1, 2], true],
  [exact, [1, 2], [1, 2.0001], false],
  [close, [1, 100], [1.1, 91], true],
  [close, [1, 100], [1.2, 100], false],
  [close, [nan], [nan], true],
  [close, [1], [nan], false],
  [top1, [0.1, 0.9, 0], [0.2, 0.3, 0.1], true],
  [top1, [0.1, 0.9, 0], [0.9, 0.3, 0.1], false],
  [rank, [3, 2, 1], [9, 8, 0], true],
  [rank, [3, 2, 1], [9, 0, 8], false],
];

for (const [agreement, live, shadow, same] of cases) {
  test(`${agreement.kind}: ${live.join()} and ${shadow.join()} ${same ? 'agree' : 'differ'}`, () => {
    assert.equal(answersAgree(answer(live), answer(shadow), { agreement, outputs: {} }), same);
  });
}

test('each row has a largest element of its own', () => {
  const live = answer([1, 0, 0, 1], [2, 2]);
  assert.equal(answersAgree(live, answer([5, 0, 0, 2], [2, 2]), { agreement: top1, outputs: {} }), true);
  assert.equal(answersAgree(live, answer([5, 0, 2, 0], [2, 2]), { agreement: top1, outputs: {} }), false);
});

test('an output may be compared otherwise than the rest', () => {
  const how = { agreement: exact, outputs: { y: close } };
  assert.equal(answersAgree(answer([1]), answer([1.05]), how), true);
  assert.equal(answersAgree(answer([1], [1], 'z'), answer([1.05], [1], 'z'), how), false);
});

test('other names, shapes and numbers of outputs differ', () => {
  const how = { agreement: close, outputs: {} };
  assert.equal(answersAgree(answer([1]), answer([1], [1, 1], 'z'), how), false);
  assert.equal(answersAgree(answer([1, 2]), answer([1, 2], [2, 1]), how), false);
  assert.equal(answersAgree(answer([1]), { ...answer([1]), outputs: [] }, how), false);
});
