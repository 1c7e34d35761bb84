import type { Datatype } from '../inference/datatype.ts';
import { usageError } from './command.ts';

export interface NpyArray {
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  /** Row-major and little-endian. */
  readonly data: Uint8Array;
}

/** NumPy's type words without byte order; big-endian and Fortran order are refused, not converted. */
const types: Readonly<Record<string, Datatype>> = {
  b1: 'BOOL',
  u1: 'UINT8',
  u2: 'UINT16',
  u4: 'UINT32',
  u8: 'UINT64',
  i1: 'INT8',
  i2: 'INT16',
  i4: 'INT32',
  i8: 'INT64',
  f2: 'FP16',
  f4: 'FP32',
  f8: 'FP64',
};

/** Reads NumPy's .npy format, versions 1 to 3. @throws ServingError with reason USAGE; `name` stands in the message. */
export function readNpy(file: Buffer, name: string): NpyArray {
  if (file.length < 12 || file.toString('latin1', 0, 6) !== '\x93NUMPY')
    throw usageError(`${name} is not an NPY file`);
  const wide = (file[6] ?? 1) >= 2;
  const start = wide ? 12 : 10;
  const end = start + (wide ? file.readUInt32LE(8) : file.readUInt16LE(8));
  const header = file.toString('latin1', start, end);
  const descr = /'descr':\s*'([<>|=])(\w+)'/.exec(header);
  const datatype = types[descr?.[2] ?? ''];
  if (descr === null || datatype === undefined) {
    throw usageError(`${name}: arrays of this type cannot be sent: ${header.trim().slice(0, 100)}`);
  }
  if (descr[1] === '>' || /'fortran_order':\s*True/.test(header)) {
    throw usageError(
      `${name} is big-endian or in Fortran order; save numpy.ascontiguousarray(a.astype(a.dtype.newbyteorder('<')))`,
    );
  }
  const dims = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1] ?? '';
  const shape = dims
    .split(',')
    .filter((dim) => dim.trim() !== '')
    .map(Number);
  const data = file.subarray(end);
  const expected = shape.reduce((product, dim) => product * dim, 1) * Number(descr[2]?.slice(1));
  if (data.length !== expected)
    throw usageError(`${name} holds ${data.length} bytes of data, its shape needs ${expected}`);
  return { datatype, shape, data };
}
