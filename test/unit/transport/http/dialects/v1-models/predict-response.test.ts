import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { noParameters } from '../../../../../../src/inference/request.ts';
import type { Tensor } from '../../../../../../src/inference/tensor.ts';
import { encodePredictResponse } from '../../../../../../src/transport/http/dialects/v1-models/predict-response.ts';
import type { PredictForm } from '../../../../../../src/transport/http/dialects/v1-models/predict-request.ts';
import { byteElements } from '../../../../../support/build-request.ts';
import { refusalOf } from '../../../../../support/refusal.ts';

function bytes(name: string, shape: readonly number[], ...values: readonly number[]): Tensor {
  return { name, datatype: 'UINT8', shape, data: Uint8Array.from(values) };
}

function encode(form: PredictForm, ...outputs: readonly Tensor[]): string {
  const response = { model: 'm', version: '1', id: '', outputs, parameters: noParameters };
  return Buffer.concat(encodePredictResponse(response, form).pieces).toString();
}

describe('encodePredictResponse', () => {
  it('writes the only output of a model bare', () => {
    assert.equal(encode('row', bytes('y', [2, 1], 1, 2)), '{"predictions":[[1],[2]]}');
    assert.equal(encode('row', bytes('y', [2], 1, 2)), '{"predictions":[1,2]}');
    assert.equal(encode('column', bytes('y', [2, 1], 1, 2)), '{"outputs":[[1],[2]]}');
    assert.equal(encode('column', bytes('y', [], 1)), '{"outputs":1}');
  });

  it('writes several outputs under their names', () => {
    const outputs = [bytes('a"', [2, 2], 1, 2, 3, 4), byteElements('b', ['c', 'd,e'])];
    assert.equal(
      encode('row', ...outputs),
      '{"predictions":[{"a\\"":[1,2],"b":"c"},{"a\\"":[3,4],"b":"d,e"}]}',
    );
    assert.equal(encode('column', ...outputs), '{"outputs":{"a\\"":[[1,2],[3,4]],"b":["c","d,e"]}}');
  });

  it('writes no rows as an empty list', () => {
    assert.equal(encode('row', bytes('y', [0, 2])), '{"predictions":[]}');
    assert.equal(encode('row', bytes('a', [0, 2]), bytes('b', [0])), '{"predictions":[]}');
  });

  it('refuses rows of outputs that have none, or different numbers of them', () => {
    assert.equal(refusalOf(() => encode('row', bytes('y', [], 1))).reason, 'FORM_UNSUPPORTED');
    const uneven = (): string => encode('row', bytes('a', [1], 1), bytes('b', [2], 1, 2));
    assert.equal(refusalOf(uneven).reason, 'FORM_UNSUPPORTED');
  });
});
