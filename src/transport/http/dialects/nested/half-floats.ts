import { datatypeSizeBytes, type Datatype } from '../../../../inference/datatype.ts';
import type { Tensor } from '../../../../inference/tensor.ts';
import { refuse } from '../../refuse.ts';

/** Datatypes that JSON carries as FP32. */
export type HalfDatatype = 'FP16' | 'BF16';

export function isHalf(datatype: Datatype): datatype is HalfDatatype {
  return datatype === 'FP16' || datatype === 'BF16';
}

/**
 * Rounds floats to the nearest of two bytes, ties to even.
 *
 * @param data aligned, as elements are read out of JSON.
 * @throws invalid_argument for a finite float that becomes infinite.
 */
export function roundToHalf(data: Buffer, datatype: HalfDatatype, input: string): Buffer {
  const floats = new Float32Array(data.buffer, data.byteOffset, data.byteLength / 4);
  const result = new ArrayBuffer(floats.length * datatypeSizeBytes[datatype]);
  if (datatype === 'FP16') new Float16Array(result).set(floats);
  else roundToBrain(data, new Uint16Array(result));
  const back = datatype === 'FP16' ? new Float16Array(result) : widenBrain(new Uint8Array(result));
  for (let index = 0; index < floats.length; index++) {
    const float = floats[index] ?? 0;
    if (Number.isFinite(float) && !Number.isFinite(back[index])) {
      throw refuse.outOfRange(input, datatype, String(float));
    }
  }
  return Buffer.from(result);
}

function roundToBrain(data: Buffer, target: Uint16Array): void {
  const bits = new Uint32Array(data.buffer, data.byteOffset, data.byteLength / 4);
  for (let index = 0; index < bits.length; index++) {
    const value = bits[index] ?? 0;
    // Rounding up could carry the payload of a NaN into an infinity.
    const isNaN = (value & 0x7fff_ffff) > 0x7f80_0000;
    target[index] = isNaN ? (value >>> 16) | 0x40 : (value + 0x7fff + ((value >>> 16) & 1)) >>> 16;
  }
}

/** The same tensor as FP32; exact. */
export function widenHalf({ name, datatype, shape, data }: Tensor): Tensor {
  const bytes = new Uint8Array(data);
  const floats = datatype === 'FP16' ? Float32Array.from(new Float16Array(bytes.buffer)) : widenBrain(bytes);
  return { name, datatype: 'FP32', shape, data: new Uint8Array(floats.buffer) };
}

/** @param bytes at the beginning of its buffer. */
function widenBrain(bytes: Uint8Array): Float32Array<ArrayBuffer> {
  const halves = new Uint16Array(bytes.buffer, 0, bytes.length / 2);
  const bits = new Uint32Array(halves.length);
  for (let index = 0; index < halves.length; index++) bits[index] = (halves[index] ?? 0) << 16;
  return new Float32Array(bits.buffer);
}
