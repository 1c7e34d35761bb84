import { datatypeSizeBytes } from '../../inference/datatype.ts';
import type { Tensor } from '../../inference/tensor.ts';

/** An element as JSON can carry it: what is no finite number is null, what is no safe integer a text. */
export type ElementValue = string | number | boolean | null;

/** Longer texts are cut. */
export const maxTextLength = 1024;

/** Reads elements `from` up to `to` of a tensor. @param to at most the number of its elements. */
export function readElements(tensor: Tensor, from: number, to: number): ElementValue[] {
  if (tensor.datatype === 'BYTES') return readTexts(tensor.data, from, to);
  const { datatype, data } = tensor;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const size = datatypeSizeBytes[datatype];
  const values: ElementValue[] = [];
  for (let index = from; index < to; index++) values.push(readers[datatype](view, index * size));
  return values;
}

type FixedDatatype = Exclude<Tensor['datatype'], 'BYTES'>;

const readers = {
  BOOL: (view, at) => view.getUint8(at) !== 0,
  UINT8: (view, at) => view.getUint8(at),
  UINT16: (view, at) => view.getUint16(at, true),
  UINT32: (view, at) => view.getUint32(at, true),
  UINT64: (view, at) => safe(view.getBigUint64(at, true)),
  INT8: (view, at) => view.getInt8(at),
  INT16: (view, at) => view.getInt16(at, true),
  INT32: (view, at) => view.getInt32(at, true),
  INT64: (view, at) => safe(view.getBigInt64(at, true)),
  FP16: (view, at) => shortest(view.getFloat16(at, true)),
  BF16: (view, at) => shortest(widened(view.getUint16(at, true))),
  FP32: (view, at) => shortest(view.getFloat32(at, true)),
  FP64: (view, at) => finite(view.getFloat64(at, true)),
} as const satisfies Record<FixedDatatype, (view: DataView, at: number) => ElementValue>;

function safe(value: bigint): ElementValue {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

function finite(value: number): ElementValue {
  return Number.isFinite(value) ? value : null;
}

const scratch = new DataView(new ArrayBuffer(4));

function widened(half: number): number {
  scratch.setUint32(0, half * 0x1_0000);
  return scratch.getFloat32(0);
}

/** The number with the fewest digits that is this float: 0.1 instead of 0.10000000149011612. */
function shortest(value: number): ElementValue {
  if (!Number.isFinite(value)) return null;
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return Number(value.toPrecision(9));
}

/** Each element has its length before it, so those before `from` are walked over. */
function readTexts(data: Uint8Array, from: number, to: number): ElementValue[] {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const values: ElementValue[] = [];
  let at = 0;
  for (let index = 0; index < to && at + 4 <= bytes.length; index++) {
    const start = at + 4;
    at = start + bytes.readUInt32LE(at);
    // A character takes at most four bytes; what is cut in two at the end goes with the rest.
    if (index >= from) {
      const end = Math.min(at, start + 4 * maxTextLength);
      values.push(bytes.toString('utf8', start, end).slice(0, maxTextLength));
    }
  }
  return values;
}
