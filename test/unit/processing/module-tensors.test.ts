import assert from 'node:assert/strict';
import { test } from 'node:test';
import { datatypes, datatypeSizeBytes } from '../../../src/inference/datatype.ts';
import { fromReturned, toModuleTensor } from '../../../src/processing/module-tensors.ts';

for (const datatype of datatypes.filter((name) => name !== 'BYTES')) {
  test(`${datatype} elements come back as they were`, () => {
    const data = Uint8Array.from({ length: 2 * datatypeSizeBytes[datatype] + 1 }, (_, at) => at % 2);
    // Not aligned, as tensors in messages are.
    const tensor = { name: 'x', datatype, shape: [2], data: data.subarray(1) };
    const back = fromReturned('x', toModuleTensor(tensor));
    assert.deepEqual({ ...back, data: [...back.data] }, { ...tensor, data: [...tensor.data] });
  });
}

test('BYTES elements are Buffers for the module, and texts or bytes from it', () => {
  const { data } = fromReturned('x', { shape: [3], data: ['a', Buffer.from([0xff]), ''] });
  const tensor = { name: 'x', datatype: 'BYTES', shape: [3], data } as const;
  assert.deepEqual(toModuleTensor(tensor).data, [Buffer.from('a'), Buffer.from([0xff]), Buffer.alloc(0)]);
});

test('the elements of a module are its own', () => {
  const data = new Uint8Array(4);
  const own = toModuleTensor({ name: 'x', datatype: 'FP32', shape: [1], data });
  (own.data as Float32Array)[0] = 1;
  assert.deepEqual([...data], [0, 0, 0, 0]);
});

const wrong: readonly (readonly [title: string, returned: unknown, text: RegExp])[] = [
  ['no object', 5, /no object/],
  ['no shape', { data: new Float32Array(1) }, /shape/],
  ['a negative size', { shape: [-1], data: new Float32Array(1) }, /shape/],
  [
    'fewer elements than the shape says',
    { shape: [2], data: new Float32Array(1) },
    /1 elements.*stands for 2/,
  ],
  ['a list of numbers', { shape: [1], data: [1] }, /neither a text nor bytes/],
  ['a list for numbers', { shape: [1], datatype: 'FP32', data: [1] }, /typed array/],
  ['a DataView', { shape: [1], data: new DataView(new ArrayBuffer(1)) }, /neither a typed array/],
  ['another datatype than its data', { shape: [1], datatype: 'INT8', data: new Float32Array(1) }, /FP32/],
  ['no data', { shape: [0] }, /neither/],
];

for (const [title, returned, text] of wrong) {
  test(`what a module returns is refused with ${title}`, () => {
    assert.throws(() => fromReturned('x', returned), text);
  });
}
