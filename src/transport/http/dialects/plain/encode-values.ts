import { datatypeSizeBytes, type Datatype } from '../../../../inference/datatype.ts';
import type { FeatureValue } from '../../../../inference/features.ts';
import { isHalf, roundToHalf } from '../nested/half-floats.ts';

const numberArrays = {
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  FP32: Float32Array,
  FP64: Float64Array,
  BOOL: Uint8Array,
} as const;

/** What values take as elements of a tensor; for BYTES without their texts. */
export function sizeOfValues(count: number, datatype: Datatype): number {
  return count * (datatype === 'BYTES' ? 4 : datatypeSizeBytes[datatype]);
}

/** The bytes of a tensor of these values, which are within the range of the datatype. */
export function encodeValues(values: readonly FeatureValue[], datatype: Datatype, input: string): Buffer {
  if (datatype === 'BYTES') return encodeTexts(values);
  if (datatype === 'INT64') return bytesOf(BigInt64Array.from(values, toBigInt));
  if (datatype === 'UINT64') return bytesOf(BigUint64Array.from(values, toBigInt));
  if (isHalf(datatype)) return roundToHalf(bytesOf(Float32Array.from(values, Number)), datatype, input);
  const target = new numberArrays[datatype](values.length);
  target.set(values.map(Number));
  return bytesOf(target);
}

function toBigInt(value: FeatureValue): bigint {
  return BigInt(value);
}

function bytesOf({ buffer, byteOffset, byteLength }: NodeJS.TypedArray): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

function encodeTexts(values: readonly FeatureValue[]): Buffer {
  const pieces: Buffer[] = [];
  for (const value of values) {
    const text = Buffer.from(String(value));
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32LE(text.length);
    pieces.push(length, text);
  }
  return Buffer.concat(pieces);
}
