import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { readNpy } from '../../../src/cli/npy.ts';

function npy(header: string, data: Uint8Array, major = 1): Buffer {
  const length = Buffer.alloc(major === 1 ? 2 : 4);
  if (major === 1) length.writeUInt16LE(header.length);
  else length.writeUInt32LE(header.length);
  return Buffer.concat([
    Buffer.from('\x93NUMPY', 'latin1'),
    Buffer.of(major, 0),
    length,
    Buffer.from(header),
    data,
  ]);
}

test('what NumPy wrote is read', () => {
  const array = readNpy(
    readFileSync(new URL('../../../examples/inputs/digits.npy', import.meta.url)),
    'digits.npy',
  );
  assert.equal(array.datatype, 'FP32');
  assert.deepEqual(array.shape, [4, 8, 8]);
  assert.equal(array.data.length, 4 * 64 * 4);
});

test('both header versions, scalars and one dimension are read', () => {
  const scalar = readNpy(
    npy("{'descr': '<i8', 'fortran_order': False, 'shape': (), }", new Uint8Array(8)),
    'f',
  );
  assert.deepEqual([scalar.datatype, scalar.shape], ['INT64', []]);
  const flat = readNpy(
    npy("{'descr': '|b1', 'fortran_order': False, 'shape': (3,), }", new Uint8Array(3), 2),
    'f',
  );
  assert.deepEqual([flat.datatype, flat.shape], ['BOOL', [3]]);
});

const refused: readonly (readonly [string, string, number, RegExp])[] = [
  ['big-endian', "{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", 4, /big-endian/],
  ['column-major', "{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }", 4, /Fortran/],
  ['of texts', "{'descr': '<U3', 'fortran_order': False, 'shape': (1,), }", 12, /cannot be sent/],
  ['of objects', "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", 8, /cannot be sent/],
  [
    'cut off',
    "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }",
    4,
    /holds 4 bytes of data, its shape needs 8/,
  ],
];

for (const [what, header, bytes, expected] of refused) {
  test(`an array that is ${what} is refused`, () => {
    assert.throws(() => readNpy(npy(header, new Uint8Array(bytes)), 'f.npy'), expected);
  });
}

test('another file is no array', () => {
  assert.throws(() => readNpy(Buffer.from('hello, this is text'), 'f'), /not an NPY file/);
});
