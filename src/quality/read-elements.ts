import type { Datatype } from '../inference/datatype.ts';
import type { Tensor } from '../inference/tensor.ts';

type ReadNumber = (view: DataView, index: number) => number;

const readers: Readonly<Record<Exclude<Datatype, 'BYTES'>, ReadNumber>> = {
  BOOL: (view, index) => view.getUint8(index),
  UINT8: (view, index) => view.getUint8(index),
  UINT16: (view, index) => view.getUint16(2 * index, true),
  UINT32: (view, index) => view.getUint32(4 * index, true),
  UINT64: (view, index) => Number(view.getBigUint64(8 * index, true)),
  INT8: (view, index) => view.getInt8(index),
  INT16: (view, index) => view.getInt16(2 * index, true),
  INT32: (view, index) => view.getInt32(4 * index, true),
  INT64: (view, index) => Number(view.getBigInt64(8 * index, true)),
  FP16: (view, index) => view.getFloat16(2 * index, true),
  BF16: (view, index) => {
    single.setUint16(0, view.getUint16(2 * index, true));
    return single.getFloat32(0);
  },
  FP32: (view, index) => view.getFloat32(4 * index, true),
  FP64: (view, index) => view.getFloat64(8 * index, true),
};

/** The upper half of a number of four bytes is a BF16; the rest stays 0. */
const single = new DataView(new ArrayBuffer(4));

/** Reads single elements of a tensor of numbers. */
export function numbersOf({ datatype, data }: Tensor): (index: number) => number {
  if (datatype === 'BYTES') throw new Error('bug: BYTES are read as texts');
  const read = readers[datatype];
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return (index) => read(view, index);
}

/**
 * Bytes of a text that are read: those of 256 characters and more. A part of a longer text would keep all of it in memory, and clients
 * say how long it is.
 */
const mostTextBytes = 1024;

/** The beginnings of the first so many elements of a tensor of BYTES; fewer where it has fewer. */
export function textsOf({ data }: Tensor, most: number): readonly string[] {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const texts: string[] = [];
  let offset = 0;
  while (texts.length < most && offset + 4 <= bytes.length) {
    const from = offset + 4;
    const end = from + bytes.readUInt32LE(offset);
    texts.push(bytes.toString('utf8', from, Math.min(end, bytes.length, from + mostTextBytes)));
    offset = end;
  }
  return texts;
}
