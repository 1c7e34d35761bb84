import { elementCount, type Tensor } from '../../../inference/tensor.ts';
import { WireReader, wireType } from '../wire-reader.ts';
import { readValues, type ValueBudget } from './read-values.ts';
import { refuseTensorflow } from './refuse-tensorflow.ts';
import { formOfNumber } from './value-forms.ts';

const maxDimensions = 64;

const tag = { dtype: 8, shape: 18, content: 34 } as const;

/** Numbers of the first and the last field of values; tensor_content lies before them. */
const valueFields = [5, 17] as const;

/**
 * Reads the TensorProto from the reader's position to its end. Contents and packed floats stay views of the message.
 *
 * @throws invalid_argument, resource_exhausted when values take more than is left.
 */
export function readTensor(reader: WireReader, name: string, budget: ValueBudget): Tensor {
  const start = reader.position;
  const { end, bytes } = reader;
  let dtype = 0;
  let shape: readonly number[] = [];
  let content: Buffer | undefined;
  let valueField = 0;
  while (reader.position < end) {
    const next = reader.tag();
    const field = next >>> 3;
    if (next === tag.dtype) dtype = Number(reader.int64());
    else if (next === tag.shape) shape = readShape(reader, name);
    else if (next === tag.content) content = reader.view();
    else {
      const before = reader.position;
      reader.skip(next);
      // A packed field of no values is one byte long, its length of 0.
      const isEmpty = (next & 7) === wireType.bytes && field !== 8 && reader.position - before === 1;
      if (field < valueFields[0] || field > valueFields[1] || isEmpty) continue;
      if (valueField !== 0 && valueField !== field) throw refuseTensorflow.mixed(name);
      valueField = field;
    }
  }
  const form = formOfNumber(dtype);
  if (form === undefined) throw refuseTensorflow.dataType(name, dtype);
  const { datatype } = form;
  if (valueField !== 0 && valueField !== form.field) throw refuseTensorflow.mixed(name);
  if (content !== undefined && content.length > 0) {
    if (valueField !== 0) throw refuseTensorflow.mixed(name);
    if (datatype === 'BYTES') throw refuseTensorflow.stringContent(name);
    return { name, datatype, shape, data: content };
  }
  const values = new WireReader(bytes, start, end);
  return {
    name,
    datatype,
    shape,
    data: readValues(values, { name, form, count: elementCount(shape) }, budget),
  };
}

function readShape(reader: WireReader, name: string): readonly number[] {
  const outer = reader.enter();
  const shape: number[] = [];
  while (reader.position < reader.end) {
    const next = reader.tag();
    if (next === 18) {
      if (shape.length >= maxDimensions) throw refuseTensorflow.dimensions(name, maxDimensions);
      shape.push(readDimension(reader, name));
    } else if (next === 24) {
      if (reader.bool()) throw refuseTensorflow.unknownRank(name);
    } else reader.skip(next);
  }
  reader.leave(outer);
  return shape;
}

function readDimension(reader: WireReader, name: string): number {
  const outer = reader.enter();
  let size: number | bigint = 0;
  while (reader.position < reader.end) {
    const next = reader.tag();
    if (next === 8) size = reader.int64();
    else reader.skip(next);
  }
  reader.leave(outer);
  if (typeof size === 'bigint' || size < 0) throw refuseTensorflow.dimension(name);
  return size;
}
