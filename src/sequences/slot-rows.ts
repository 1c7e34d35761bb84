import type { Tensor } from '../inference/tensor.ts';

/** Hands out the rows of a tensor from first to last. */
export interface Rows {
  next(rows: number): Tensor;
}

export type ReadRows = (tensor: Tensor) => Rows;

/** Whether two rows may share a batch. */
export function sameSizes(a: readonly Tensor[], b: readonly Tensor[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ name, shape }, index) => {
      const other = b[index];
      return (
        other?.name === name &&
        other.shape.length === shape.length &&
        shape.every((dim, at) => dim === other.shape[at])
      );
    })
  );
}

/** One tensor of many rows for each input. @param rows At least one, of the same sizes. */
export function joinRows(rows: readonly (readonly Tensor[])[]): Tensor[] {
  const [first = []] = rows;
  return first.map(({ name, datatype, shape }, index) => ({
    name,
    datatype,
    shape: shape.with(0, rows.length),
    data: Buffer.concat(rows.map((row) => row[index]?.data ?? new Uint8Array())),
  }));
}

/** The outputs of each row; undefined when they are not one for each. */
export function splitRows(
  outputs: readonly Tensor[],
  count: number,
  readRows: ReadRows,
): readonly (readonly Tensor[])[] | undefined {
  if (outputs.some(({ shape }) => shape[0] !== count)) return undefined;
  const readers = outputs.map(readRows);
  return Array.from({ length: count }, () => readers.map((reader) => reader.next(1)));
}
