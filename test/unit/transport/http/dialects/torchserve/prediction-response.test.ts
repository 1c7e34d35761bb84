import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noParameters } from '../../../../../../src/inference/request.ts';
import type { Tensor } from '../../../../../../src/inference/tensor.ts';
import { encodePrediction } from '../../../../../../src/transport/http/dialects/torchserve/prediction-response.ts';
import { refusalOf } from '../../../../../support/refusal.ts';

function bytes(name: string, shape: readonly number[], ...values: readonly number[]): Tensor {
  return { name, datatype: 'UINT8', shape, data: Uint8Array.from(values) };
}

function encode(batches: boolean, ...outputs: readonly Tensor[]): string {
  const response = { model: 'm', version: '1', id: '', outputs, parameters: noParameters };
  return Buffer.concat(encodePrediction(response, batches).pieces).toString();
}

test('the only output of a row stands for itself, several stand under their names', () => {
  assert.equal(encode(true, bytes('a', [1, 2], 1, 2)), '[1,2]');
  assert.equal(encode(true, bytes('a', [1], 1)), '1');
  assert.equal(encode(true, bytes('a', [1, 2], 1, 2), bytes('b', [1], 3)), '{"a":[1,2],"b":3}');
  assert.equal(encode(false, bytes('a', [2, 1], 1, 2)), '[[1],[2]]');
});

test('an output of more rows than one is refused', () => {
  assert.equal(refusalOf(() => encode(true, bytes('a', [2], 1, 2))).reason, 'FORM_UNSUPPORTED');
  assert.equal(refusalOf(() => encode(true, bytes('a', [], 1))).reason, 'FORM_UNSUPPORTED');
});
