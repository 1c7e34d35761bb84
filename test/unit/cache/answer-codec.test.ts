import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { decodeAnswer, encodeAnswer } from '../../../src/cache/answer-codec.ts';
import type { Tensor } from '../../../src/inference/tensor.ts';
import { byteElements, zeros } from '../../support/build-request.ts';

const key = '0123456789abcdeÿ';
const outputs: readonly Tensor[] = [
  { ...zeros('scores', [2, 3]), data: Buffer.from(new Float32Array([1, 2, 3, 4, 5, 6]).buffer) },
  byteElements('名前', ['a', '']),
  zeros('empty', [0, 4], 'INT64'),
];

function plain(tensors: readonly Tensor[] | undefined): unknown {
  return tensors?.map((tensor) => ({ ...tensor, data: [...tensor.data] }));
}

test('what is decoded is what was encoded, names, shapes and bytes', () => {
  assert.deepEqual(plain(decodeAnswer(key, encodeAnswer(key, outputs))), plain(outputs));
});

test('an answer to another key is none', () => {
  assert.equal(decodeAnswer('0123456789abcdef', encodeAnswer(key, outputs)), undefined);
});

test('a value with any bit changed is no answer', () => {
  const value = encodeAnswer(key, outputs);
  for (let at = 0; at < value.length; at++) {
    const changed = Buffer.from(value);
    changed.writeUInt8((value[at] ?? 0) ^ 0x10, at);
    assert.equal(decodeAnswer(key, changed), undefined, `byte ${at}`);
  }
});

test('a value cut anywhere, or with more behind it, is no answer', () => {
  const value = encodeAnswer(key, outputs);
  for (let length = 0; length < value.length; length++) {
    assert.equal(decodeAnswer(key, value.subarray(0, length)), undefined);
  }
  assert.equal(decodeAnswer(key, Buffer.concat([value, Buffer.alloc(1)])), undefined);
});

test('any bytes are decoded without throwing', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      assert.equal(decodeAnswer(key, Buffer.from(bytes)), undefined);
    }),
  );
});

test('a value whose checksum is right is refused where its tensors contradict themselves', () => {
  const wrong: readonly Tensor[] = [
    { ...zeros('x', [2]), shape: [3] },
    { ...zeros('x', [2]), shape: [-1, -2] },
    { ...zeros('x', [2]), shape: [0.5, 4] },
    JSON.parse('{"name":"x","datatype":"FP33","shape":[1],"data":[]}'),
    JSON.parse('{"name":7,"datatype":"FP32","shape":[0],"data":[]}'),
  ];
  for (const tensor of wrong) assert.equal(decodeAnswer(key, encodeAnswer(key, [tensor])), undefined);
});
