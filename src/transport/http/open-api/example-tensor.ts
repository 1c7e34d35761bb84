import type { TensorMetadata } from '../../../inference/catalog.ts';
import { elementCount } from '../../../inference/tensor.ts';

/** Longer examples help nobody. */
const maxValues = 1000;

/** A tensor that can be sent, or come back, with made-up values; undefined for one that would be long, or is no JSON. */
export function exampleTensor({ name, datatype, shape }: TensorMetadata):
  | {
      readonly name: string;
      readonly datatype: string;
      readonly shape: readonly number[];
      readonly data: readonly unknown[];
    }
  | undefined {
  const sizes = exampleShape(shape);
  const values = elementCount(sizes);
  if (values > maxValues || hasNoJson(datatype)) return undefined;
  return { name, datatype, shape: sizes, data: Array.from({ length: values }, () => exampleValue(datatype)) };
}

/** Of one row, and with one element where the model takes any number. */
export function exampleShape(shape: readonly number[]): readonly number[] {
  return shape.map((size) => (size === -1 ? 1 : size));
}

/** What travels as bytes only. */
export function hasNoJson(datatype: string): boolean {
  return datatype === 'FP16' || datatype === 'BF16';
}

function exampleValue(datatype: string): unknown {
  if (datatype === 'BOOL') return true;
  if (datatype === 'BYTES') return 'text';
  return datatype === 'FP32' || datatype === 'FP64' ? 0.5 : 1;
}
