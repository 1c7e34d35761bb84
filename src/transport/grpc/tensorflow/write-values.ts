import { datatypeSizeBytes } from '../../../inference/datatype.ts';
import type { Tensor } from '../../../inference/tensor.ts';
import { encodeBytesField, writeBigVarint, writeVarint } from '../wire-writer.ts';
import { formOf } from './value-forms.ts';

/** A varint of 32 bits takes 5 bytes at most, one of 64, or of a negative number, 10. */
const wideVarintBytes = 10;

/** The values of a tensor as a packed field holds them; those of fixed size as they stand in the tensor. */
export function packedValues({ datatype, data }: Tensor): Uint8Array {
  const { sizeBytes, min } = formOf(datatype);
  if (datatype === 'FP32' || datatype === 'FP64' || datatype === 'BOOL') return data;
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const count = bytes.length / datatypeSizeBytes[datatype];
  const mostBytes = min < 0 || sizeBytes === 8 ? wideVarintBytes : 5;
  const target = Buffer.allocUnsafe(count * mostBytes);
  let at = 0;
  for (let from = 0; from < bytes.length; from += sizeBytes) {
    if (sizeBytes === 8) {
      const value = datatype === 'INT64' ? bytes.readBigInt64LE(from) : bytes.readBigUInt64LE(from);
      at = writeLong(target, at, value);
    } else {
      const value = min < 0 ? bytes.readIntLE(from, sizeBytes) : bytes.readUIntLE(from, sizeBytes);
      at = writeVarint(target, at, value);
    }
  }
  return target.subarray(0, at);
}

function writeLong(target: Buffer, at: number, value: bigint): number {
  const small = value >= 0n && value <= 0x7fff_ffffn;
  return small ? writeVarint(target, at, Number(value)) : writeBigVarint(target, at, value);
}

/** The elements of BYTES, each a field of its own. */
export function stringValues({ data }: Tensor, field: number): Uint8Array {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const elements: Buffer[] = [];
  for (let position = 0; position < bytes.length;) {
    const end = position + 4 + bytes.readUInt32LE(position);
    elements.push(encodeBytesField(field, bytes.subarray(position + 4, end)));
    position = end;
  }
  return Buffer.concat(elements);
}
