import type { InferResponse } from '../inference/response.ts';
import type { Tensor } from '../inference/tensor.ts';
import type { OutputRange } from '../inference/traffic-split.ts';

/** Elements of one output that are looked at, evenly over it: a few microseconds. */
const elementsRead = 1024;

/** Whether the numbers of an answer are numbers, and in their ranges. Outputs of whole numbers and texts have neither NaN nor infinities. */
export function outputsValid({ outputs }: InferResponse, ranges: readonly OutputRange[]): boolean {
  for (const tensor of outputs) {
    const range = ranges.find(({ output }) => output === tensor.name);
    if (!tensorValid(tensor, range?.min ?? -Number.MAX_VALUE, range?.max ?? Number.MAX_VALUE)) return false;
  }
  return true;
}

function tensorValid({ datatype, data }: Tensor, min: number, max: number): boolean {
  const read = readers[datatype];
  if (read === undefined) return true;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const count = Math.floor(data.byteLength / read.sizeBytes);
  const step = Math.max(1, Math.floor(count / elementsRead));
  for (let index = 0; index < count; index += step) {
    const value = read.at(view, index * read.sizeBytes);
    // NaN is not on either side of anything.
    if (!(value >= min && value <= max)) return false;
  }
  return true;
}

interface ElementReader {
  readonly sizeBytes: number;
  at(view: DataView, offset: number): number;
}

const readers: Readonly<Record<string, ElementReader | undefined>> = {
  FP64: { sizeBytes: 8, at: (view, offset) => view.getFloat64(offset, true) },
  FP32: { sizeBytes: 4, at: (view, offset) => view.getFloat32(offset, true) },
  FP16: { sizeBytes: 2, at: (view, offset) => view.getFloat16(offset, true) },
};
