import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RequestKeys } from '../../../src/cache/request-key.ts';
import type { InferRequest } from '../../../src/inference/request.ts';
import type { Tensor } from '../../../src/inference/tensor.ts';
import { buildRequest, zeros } from '../../support/build-request.ts';

const keys = new RequestKeys();
const owner = 'digest\n4:name';

function tensor(overrides: Partial<Tensor> = {}): Tensor {
  return { ...zeros('x', [2, 3]), ...overrides };
}

const base = buildRequest({ inputs: [tensor()], outputs: ['y'] });

const different: readonly (readonly [string, InferRequest])[] = [
  [
    'another value',
    buildRequest({ inputs: [tensor({ data: new Uint8Array(24).fill(1, 23) })], outputs: ['y'] }),
  ],
  ['another shape of the same bytes', buildRequest({ inputs: [tensor({ shape: [3, 2] })], outputs: ['y'] })],
  [
    'another datatype of the same bytes',
    buildRequest({ inputs: [tensor({ datatype: 'INT32' })], outputs: ['y'] }),
  ],
  ['another input', buildRequest({ inputs: [tensor({ name: 'z' })], outputs: ['y'] })],
  ['one input more', buildRequest({ inputs: [tensor(), tensor({ name: 'z' })], outputs: ['y'] })],
  ['another output', buildRequest({ inputs: [tensor()], outputs: ['z'] })],
  ['one output more', buildRequest({ inputs: [tensor()], outputs: ['y', 'z'] })],
  ['other order of outputs', buildRequest({ inputs: [tensor()], outputs: ['z', 'y'] })],
  [
    'a parameter that may reach the model',
    buildRequest({ inputs: [tensor()], outputs: ['y'], parameters: { top: 5 } }),
  ],
  [
    'the same parameter of another type',
    buildRequest({ inputs: [tensor()], outputs: ['y'], parameters: { top: '5' } }),
  ],
];

test('whatever may change the answer changes the key', () => {
  const all = [base, ...different.map(([, request]) => request)].map((request) => keys.of(owner, request));
  assert.equal(new Set(all).size, all.length);
});

test('the owner is part of the key: model content, configuration and tenant', () => {
  assert.notEqual(keys.of(owner, base), keys.of('digest\n5:other', base));
});

test('the id, and how a request is scheduled or answered, leave the key alone', () => {
  const same = buildRequest({
    inputs: [tensor()],
    outputs: ['y'],
    id: 'seven',
    parameters: { priority: 2, timeout: 100, binary_data_output: true },
  });
  assert.equal(keys.of(owner, same), keys.of(owner, base));
});

test('the order of parameters leaves the key alone', () => {
  const one = buildRequest({ parameters: { a: 1, b: 2 } });
  const other = buildRequest({ parameters: { b: 2, a: 1 } });
  assert.equal(keys.of(owner, one), keys.of(owner, other));
});

test('large requests are told apart as small ones are, by any of their bytes', () => {
  const large = (last: number): InferRequest =>
    buildRequest({
      inputs: [tensor({ shape: [100_000], data: new Uint8Array(400_000).fill(last, 399_999) })],
    });
  assert.equal(keys.of(owner, large(1)), keys.of(owner, large(1)));
  assert.notEqual(keys.of(owner, large(1)), keys.of(owner, large(2)));
});

test('bytes that move from one input to the next change the key', () => {
  const split = (first: number): InferRequest =>
    buildRequest({
      inputs: [
        tensor({ datatype: 'UINT8', shape: [first], data: new Uint8Array(first) }),
        tensor({ name: 'z', datatype: 'UINT8', shape: [10 - first], data: new Uint8Array(10 - first) }),
      ],
    });
  assert.notEqual(keys.of(owner, split(4)), keys.of(owner, split(5)));
});

test('a key is 16 characters of one byte each', () => {
  const key = keys.of('müller 株', base);
  assert.equal(key.length, 16);
  assert.equal(Buffer.from(key, 'latin1').toString('latin1'), key);
});
