import { elementCount, type Tensor } from '../inference/tensor.ts';

/** Hands out the rows of one tensor from first to last, as views. */
export class RowReader {
  readonly #tensor: Tensor;
  readonly #elementsPerRow: number;
  readonly #rowBytes: number;
  #offset = 0;
  #shape: readonly number[] = [];

  /** @param tensor Dimension 0 counts its rows; its data fits its shape. */
  constructor(tensor: Tensor) {
    const rows = tensor.shape[0] ?? 0;
    this.#tensor = tensor;
    this.#elementsPerRow = rows === 0 ? 0 : elementCount(tensor.shape) / rows;
    this.#rowBytes = rows === 0 || tensor.datatype === 'BYTES' ? 0 : tensor.data.byteLength / rows;
  }

  /** The next `rows` rows. Equal row counts in a row share one shape array. */
  next(rows: number): Tensor {
    const { name, datatype, data, shape } = this.#tensor;
    if (this.#shape[0] !== rows) this.#shape = shape.with(0, rows);
    const start = this.#offset;
    const end =
      datatype === 'BYTES'
        ? skipElements(data, start, rows * this.#elementsPerRow)
        : start + rows * this.#rowBytes;
    this.#offset = end;
    return { name, datatype, shape: this.#shape, data: data.subarray(start, end) };
  }
}

/** The offset after `count` length-prefixed elements; the end of the data if it is shorter. */
function skipElements(data: Uint8Array, start: number, count: number): number {
  let offset = start;
  for (let i = 0; i < count; i++) {
    if (offset + 4 > data.byteLength) return data.byteLength;
    const length =
      ((data[offset] ?? 0) |
        ((data[offset + 1] ?? 0) << 8) |
        ((data[offset + 2] ?? 0) << 16) |
        ((data[offset + 3] ?? 0) << 24)) >>>
      0;
    offset += 4 + length;
  }
  return Math.min(offset, data.byteLength);
}
