import { isDatatype, type Datatype } from '../../../../inference/datatype.ts';
import type { TensorMetadata } from '../../../../inference/catalog.ts';
import { elementCount, type Tensor } from '../../../../inference/tensor.ts';
import { closeElements, openElements, readMoreElements, type ElementTarget } from '../../json-elements.ts';
import type { JsonReader } from '../../json-reader.ts';
import { refuse } from '../../refuse.ts';
import { isHalf, roundToHalf } from './half-floats.ts';
import { scanShape } from './scan-shape.ts';

/** What tensors of one request may still take. */
export interface TensorBudget {
  leftBytes: number;
}

/** A tensor while its elements are read. */
export interface NestedDraft {
  readonly name: string;
  readonly datatype: Datatype;
  readonly elements: ElementTarget;
}

/**
 * Reads a scalar or nested lists, whose shape is the tensor's.
 *
 * @throws invalid_argument for what is no such tensor of the input's datatype.
 */
export function readNested(reader: JsonReader, input: TensorMetadata, budget: TensorBudget): Tensor {
  const shape = scanShape(reader, input.name);
  const draft = openNested(reader, input, elementCount(shape), budget);
  readMoreElements(reader, draft.elements);
  return closeNested(draft, shape, budget);
}

/** Begins a tensor of `count` elements, none of which stands before the reader's position. @throws invalid_argument */
export function openNested(
  reader: JsonReader,
  { name, datatype }: TensorMetadata,
  count: number,
  { leftBytes }: TensorBudget,
): NestedDraft {
  if (!isDatatype(datatype)) throw refuse.datatype(name, datatype);
  const wanted = {
    name,
    datatype: isHalf(datatype) ? 'FP32' : datatype,
    count,
    maxBytes: leftBytes,
  } as const;
  return { name, datatype, elements: openElements(reader, { ...wanted, base64: true }) };
}

/** @throws invalid_argument when elements are missing. */
export function closeNested(
  { name, datatype, elements }: NestedDraft,
  shape: readonly number[],
  budget: TensorBudget,
): Tensor {
  const read = closeElements(elements);
  budget.leftBytes -= read.length;
  const data = isHalf(datatype) ? roundToHalf(read, datatype, name) : read;
  return { name, datatype, shape, data };
}
