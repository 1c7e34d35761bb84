import type { TensorMetadata } from '../../../../inference/catalog.ts';
import { elementCount, type Tensor } from '../../../../inference/tensor.ts';
import { checkSignatureName } from '../../../../inference/tensorflow-rules.ts';
import { shapeOfElements } from '../../generate.ts';
import { char, JsonReader } from '../../json-reader.ts';
import { refuse } from '../../refuse.ts';
import type { TensorBudget } from '../nested/read-nested.ts';
import { refuseV1 } from './refuse-v1.ts';
import { countEntries, RowColumns } from './row-columns.ts';

export interface ExamplesBody {
  readonly bytes: Buffer;
  /** Of the model that is asked. */
  readonly inputs: readonly TensorMetadata[];
  /** What all tensors of a request may take. */
  readonly maxBytes: number;
}

/**
 * Reads the body of a `:classify` or `:regress` request: examples are objects of features, each a value or a flat list,
 * and become rows of the inputs of the same names. Features of `context` belong to every example that lacks them.
 *
 * @throws invalid_argument, and failed_precondition for a signature that no model has.
 */
export function readExamples({ bytes, inputs, maxBytes }: ExamplesBody): readonly Tensor[] {
  const reader = new JsonReader(bytes);
  const places = findParts(reader);
  reader.position = places.examples;
  const rows = countEntries(reader);
  if (rows === 0) throw refuseV1.noRows('examples');
  // It is read anew for each example.
  if (places.contextBytes * rows > maxBytes) throw refuse.tooLarge(maxBytes);
  const budget: TensorBudget = { leftBytes: maxBytes };
  const columns = new RowColumns({ inputs, rows, budget, rowShapeOf: shapeOfFeature });
  reader.beginArray();
  while (reader.nextElement()) {
    if (reader.peek() !== char.openBrace) throw refuseV1.mixedRows('examples');
    reader.beginObject();
    for (let name = reader.nextKey(); name !== undefined; name = reader.nextKey()) columns.read(reader, name);
    const end = reader.position;
    for (const [name, position] of places.context) {
      if (columns.has(name)) continue;
      reader.position = position;
      columns.read(reader, name);
    }
    reader.position = end;
    columns.endRow();
  }
  return columns.tensors();
}

/** Positions in the body. */
interface Places {
  /** Of the list of examples. */
  examples: number;
  /** Of the values of the context's features. */
  readonly context: Map<string, number>;
  contextBytes: number;
}

function findParts(reader: JsonReader): Places {
  const places: Places = { examples: -1, context: new Map(), contextBytes: 0 };
  reader.beginObject();
  for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
    const next = reader.peek();
    if (key === 'signature_name') {
      if (next !== char.quote) throw refuse.field('signature_name', 'a string');
      checkSignatureName(reader.string());
    } else if (key === 'examples') {
      if (next !== char.openBracket) throw refuseV1.noList('examples');
      places.examples = reader.position;
      reader.skip();
    } else if (key === 'context') {
      if (next !== char.openBrace) throw refuse.field('context', 'an object');
      const start = reader.position;
      reader.beginObject();
      for (let name = reader.nextKey(); name !== undefined; name = reader.nextKey()) {
        reader.peek();
        places.context.set(name, reader.position);
        reader.skip();
      }
      places.contextBytes += reader.position - start;
    } else reader.skip();
  }
  reader.finish();
  if (places.examples < 0) throw refuse.field('examples', 'a list of objects');
  return places;
}

/** Of one row: the model's, with variable dimensions filled by how many values there are. */
function shapeOfFeature({ name, shape }: TensorMetadata, written: readonly number[]): readonly number[] {
  if (written.length > 1) throw refuseV1.nestedFeature(name);
  return shapeOfElements(name, shape.slice(1), elementCount(written));
}
