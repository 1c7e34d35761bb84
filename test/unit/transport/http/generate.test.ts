import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError } from '../../../../src/errors.ts';
import type { InferRequest } from '../../../../src/inference/request.ts';
import { decodeGenerateRequest } from '../../../../src/transport/http/generate.ts';

function decode(text: string, shape: readonly number[] = [-1, 4]): InferRequest {
  return decodeGenerateRequest({
    path: { model: 'm', version: '', repository: '', region: '', label: '' },
    bytes: Buffer.from(text),
    inputs: [{ name: 'x', datatype: 'FP32', shape }],
    maxBytes: 1 << 20,
  });
}

describe('decodeGenerateRequest', () => {
  const shapes = [
    { title: 'one row', shape: [-1, 4], count: 4, filled: [1, 4] },
    { title: 'two rows', shape: [-1, 4], count: 8, filled: [2, 4] },
    { title: 'the innermost of two variable dimensions', shape: [-1, -1], count: 3, filled: [1, 3] },
    { title: 'a variable dimension outside a fixed one', shape: [-1, -1, 2], count: 6, filled: [1, 3, 2] },
    { title: 'no variable dimension', shape: [2, 2], count: 4, filled: [2, 2] },
    { title: 'no elements', shape: [-1, 4], count: 0, filled: [0, 4] },
    { title: 'no elements beside a dimension of 0', shape: [-1, 0], count: 0, filled: [0, 0] },
  ];
  for (const { title, shape, count, filled } of shapes) {
    it(`fills the shape of ${title}`, () => {
      const [input] = decode(`{"x":${JSON.stringify(Array.from({ length: count }, () => 1))}}`, shape).inputs;
      assert.deepEqual(input?.shape, filled);
      assert.equal(input?.data.byteLength, count * 4);
    });
  }

  const refused = [
    { title: 'part of a row', shape: [-1, 4], text: '{"x":[1,2,3]}', says: /multiple of 4 elements/ },
    { title: 'too few for a fixed shape', shape: [2, 2], text: '{"x":[1]}', says: /expected 4 elements/ },
    { title: 'elements beside a dimension of 0', shape: [-1, 0], text: '{"x":1}', says: /multiple of 0/ },
    { title: 'an id that is no text', shape: [1], text: '{"id":1}', says: /'id'/ },
    { title: 'an unknown object', shape: [1], text: '{"y":{}}', says: /parameter 'y'/ },
    { title: 'an array', shape: [1], text: '[]', says: /not an object/ },
    {
      title: 'more parameters than any model takes',
      shape: [1],
      text: `{${Array.from({ length: 257 }, (_, index) => `"k${index}":1`).join()}}`,
      says: /more than 256 parameters/,
    },
    {
      title: 'an input again and again',
      shape: [1],
      text: `{${Array.from({ length: 1025 }, () => '"x":1').join()}}`,
      says: /more than 1024 inputs/,
    },
  ];
  for (const { title, shape, text, says } of refused) {
    it(`refuses ${title}`, () => {
      assert.throws(
        () => decode(text, shape),
        (error) =>
          error instanceof ServingError && error.code === 'invalid_argument' && says.test(error.message),
      );
    });
  }

  it('takes inputs out of parameters, and what names no input as a parameter', () => {
    const request = decode('{"id":"a","temperature":0.5,"parameters":{"x":[1,2,3,4],"seed":7}}');
    assert.equal(request.id, 'a');
    assert.deepEqual(request.inputs[0]?.shape, [1, 4]);
    assert.deepEqual(
      [...request.parameters],
      [
        ['temperature', 0.5],
        ['seed', 7],
      ],
    );
  });
});
