import { elementCount, type Tensor } from '../../inference/tensor.ts';
import type { RecordValue } from './anonymise.ts';
import { maxTextLength, readElements, type ElementValue } from './read-elements.ts';

/** More elements of one row are not written: a record is no place for pictures. */
const maxElements = 64;

export interface RowValue {
  readonly elements: readonly ElementValue[];
  /** Not all there is. */
  readonly truncated: boolean;
}

/** Elements of one row. @param rows of the request; a tensor that cannot be divided by them is one for all rows. */
export function readRow(tensor: Tensor, row: number, rows: number, limit = maxElements): RowValue {
  const { from, width } = placeOfRow(tensor, row, rows);
  const elements = readElements(tensor, from, from + Math.min(width, limit));
  const cut = elements.some((value) => typeof value === 'string' && value.length === maxTextLength);
  return { elements, truncated: width > limit || cut };
}

/** The element of a row with that index; undefined where the row has none. */
export function readElement(tensor: Tensor, row: number, rows: number, index: number): RowValue | undefined {
  const { from, width } = placeOfRow(tensor, row, rows);
  if (index >= width) return undefined;
  const elements = readElements(tensor, from + index, from + index + 1);
  const [value] = elements;
  return { elements, truncated: typeof value === 'string' && value.length === maxTextLength };
}

/** A bare value where it is one element. */
export function valueOf({ elements }: RowValue): RecordValue {
  const [only = null] = elements;
  return elements.length === 1 ? only : elements;
}

function placeOfRow(
  tensor: Tensor,
  row: number,
  rows: number,
): { readonly from: number; readonly width: number } {
  const count = elementCount(tensor.shape);
  if (rows === 0 || count % rows !== 0) return { from: 0, width: count };
  const width = count / rows;
  return { from: row * width, width };
}
