import type { Datatype } from './datatype.ts';

/**
 * A named array of elements as it stands on the wire: row-major, little-endian, no alignment promised; BYTES elements
 * are a uint32 length and that many bytes each. `data` is never written to once the tensor exists.
 */
export interface Tensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** The number of elements of a shape; 1 for a scalar (`[]`). Infinity or an unsafe integer when it overflows. */
export function elementCount(shape: readonly number[]): number {
  let count = 1;
  for (const dim of shape) count *= dim;
  return count;
}
