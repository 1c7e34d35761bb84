import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  datatypeOf,
  decodeElements,
  encodeElements,
  type TensorElements,
} from '../../../src/client/tensor-data.ts';
import { ServingError } from '../../../src/errors.ts';
import type { Datatype } from '../../../src/inference/datatype.ts';

const arrays: readonly (readonly [Datatype, TensorElements, readonly number[]])[] = [
  ['FP32', Float32Array.of(1), [0, 0, 0x80, 0x3f]],
  ['FP64', Float64Array.of(1), [0, 0, 0, 0, 0, 0, 0xf0, 0x3f]],
  ['FP16', Float16Array.of(1, -2), [0, 0x3c, 0, 0xc0]],
  ['INT8', Int8Array.of(-1), [0xff]],
  ['INT16', Int16Array.of(-2), [0xfe, 0xff]],
  ['INT32', Int32Array.of(-2), [0xfe, 0xff, 0xff, 0xff]],
  ['INT64', BigInt64Array.of(-2n), [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
  ['UINT8', Uint8Array.of(255), [255]],
  ['UINT16', Uint16Array.of(258), [2, 1]],
  ['UINT32', Uint32Array.of(258), [2, 1, 0, 0]],
  ['UINT64', BigUint64Array.of(258n), [2, 1, 0, 0, 0, 0, 0, 0]],
  ['BOOL', [true, false], [1, 0]],
  ['BYTES', ['hé', ''], [3, 0, 0, 0, 0x68, 0xc3, 0xa9, 0, 0, 0, 0]],
];

for (const [datatype, elements, bytes] of arrays) {
  test(`${datatype} is recognised and stands on the wire as the protocol says`, () => {
    assert.equal(datatypeOf(elements), datatype);
    assert.deepEqual([...encodeElements(datatype, elements)], bytes);
  });

  test(`${datatype} comes back from unaligned bytes`, () => {
    const shifted = new Uint8Array([9, ...bytes]).subarray(1);
    const decoded = decodeElements(datatype, shifted);
    const expected = datatype === 'BYTES' ? ['hé', ''] : datatype === 'BOOL' ? [1, 0] : [...elements];
    const shown = [...decoded].map((element) =>
      element instanceof Uint8Array ? new TextDecoder().decode(element) : element,
    );
    assert.deepEqual(shown, expected);
  });
}

test('a plain array of numbers does not tell its datatype', () => {
  assert.equal(datatypeOf([1, 2]), undefined);
});

test('a typed array of another type is converted, not reinterpreted', () => {
  assert.deepEqual([...encodeElements('INT64', Int32Array.of(-1))], [...encodeElements('INT64', [-1])]);
  assert.deepEqual([...encodeElements('FP32', Float64Array.of(1))], [0, 0, 0x80, 0x3f]);
});

test('a view of a part of a buffer is sent as that part', () => {
  const whole = Float32Array.of(1, 2, 3);
  assert.deepEqual(encodeElements('FP32', whole.subarray(1, 2)), encodeElements('FP32', Float32Array.of(2)));
});

const misfits: readonly (readonly [Datatype, TensorElements])[] = [
  ['UINT8', [256]],
  ['UINT8', [-1]],
  ['INT8', [128]],
  ['INT32', [1.5]],
  ['UINT32', [2 ** 32]],
  ['INT64', [2n ** 63n]],
  ['UINT64', [-1n]],
  ['INT64', [1.5]],
  ['FP32', ['1']],
  ['BYTES', [1]],
];

for (const [datatype, elements] of misfits) {
  test(`${String(elements[0])} (${typeof elements[0]}) is no ${datatype}`, () => {
    assert.throws(
      () => encodeElements(datatype, elements),
      (error) =>
        error instanceof ServingError &&
        error.code === 'invalid_argument' &&
        error.message.includes(datatype),
    );
  });
}

test('bfloat16 is rounded to nearest even and comes back as float32', () => {
  assert.deepEqual([...encodeElements('BF16', [1, -2.5])], [0x80, 0x3f, 0x20, 0xc0]);
  const rounded = decodeElements(
    'BF16',
    encodeElements('BF16', [1.00390625, 1.01171875, Number.NaN, Infinity]),
  );
  assert.deepEqual([...rounded], [1, 1.015625, Number.NaN, Infinity]);
});

test('bytes that do not fit the datatype are refused', () => {
  assert.throws(() => decodeElements('FP32', Uint8Array.of(1, 2, 3)), /cut off/);
  assert.throws(() => decodeElements('BYTES', Uint8Array.of(1, 0, 0)), /cut off/);
  assert.throws(() => decodeElements('BYTES', Uint8Array.of(5, 0, 0, 0, 1)), /cut off/);
});

test('what is encoded is decoded again, for any texts and any wide integers', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array()), (texts) => {
      assert.deepEqual(decodeElements('BYTES', encodeElements('BYTES', texts)), texts);
    }),
  );
  fc.assert(
    fc.property(fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })), (wide) => {
      const decoded: unknown[] = [...decodeElements('INT64', encodeElements('INT64', wide))];
      assert.deepEqual(decoded, wide);
    }),
  );
});
