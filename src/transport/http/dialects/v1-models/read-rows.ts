import type { TensorMetadata } from '../../../../inference/catalog.ts';
import type { Tensor } from '../../../../inference/tensor.ts';
import { char, type JsonReader } from '../../json-reader.ts';
import { readNested, type TensorBudget } from '../nested/read-nested.ts';
import { isBase64Object } from './base64-object.ts';
import { refuseV1 } from './refuse-v1.ts';
import { countEntries, RowColumns } from './row-columns.ts';

/**
 * Reads a list with an entry for each row: the value of the only input, or an object of values by input.
 *
 * @param field what the list is called in the body, for the texts of errors.
 * @throws invalid_argument
 */
export function readRows(
  reader: JsonReader,
  field: string,
  inputs: readonly TensorMetadata[],
  budget: TensorBudget,
): readonly Tensor[] {
  if (reader.peek() !== char.openBracket) throw refuseV1.noList(field);
  const start = reader.position;
  reader.position++;
  const first = reader.peek();
  if (first === char.closeBracket) throw refuseV1.noRows(field);
  const named = first === char.openBrace && !isBase64Object(reader, inputs);
  reader.position = start;
  if (named) return readNamedRows(reader, field, inputs, budget);
  const [input, more] = inputs;
  if (input === undefined || more !== undefined) throw refuseV1.unnamed(field, inputs.length);
  return [readNested(reader, input, budget)];
}

function readNamedRows(
  reader: JsonReader,
  field: string,
  inputs: readonly TensorMetadata[],
  budget: TensorBudget,
): readonly Tensor[] {
  const rows = countEntries(reader);
  const columns = new RowColumns({ inputs, rows, budget, rowShapeOf: (_, written) => written });
  reader.beginArray();
  while (reader.nextElement()) {
    if (reader.peek() !== char.openBrace) throw refuseV1.mixedRows(field);
    reader.beginObject();
    for (let name = reader.nextKey(); name !== undefined; name = reader.nextKey()) columns.read(reader, name);
    columns.endRow();
  }
  return columns.tensors();
}
