import type { TensorMetadata } from '../../../../inference/catalog.ts';
import { elementCount, type Tensor } from '../../../../inference/tensor.ts';
import { readMoreElements } from '../../json-elements.ts';
import { JsonReader } from '../../json-reader.ts';
import { closeNested, openNested, type NestedDraft, type TensorBudget } from '../nested/read-nested.ts';
import { scanShape } from '../nested/scan-shape.ts';
import { refuseV1 } from './refuse-v1.ts';

/** The values of one input, out of all rows. */
interface Column {
  readonly draft: NestedDraft;
  readonly writtenShape: readonly number[];
  /** Of a row in the tensor. */
  readonly rowShape: readonly number[];
  rows: number;
}

export interface RowColumnsOptions {
  readonly inputs: readonly TensorMetadata[];
  /** How many there will be. */
  readonly rows: number;
  readonly budget: TensorBudget;
  /** The shape of a row, of a value of that shape in the body. */
  readonly rowShapeOf: (input: TensorMetadata, written: readonly number[]) => readonly number[];
}

/** Gathers tensors from objects of values by input, one object for each row. */
export class RowColumns {
  readonly #options: RowColumnsOptions;
  readonly #inputs: ReadonlyMap<string, TensorMetadata>;
  readonly #columns = new Map<string, Column>();
  #row = 0;

  constructor(options: RowColumnsOptions) {
    this.#options = options;
    this.#inputs = new Map(options.inputs.map((input) => [input.name, input]));
  }

  /** Whether the row has a value of that input already. */
  has(name: string): boolean {
    return this.#columns.get(name)?.rows === this.#row + 1;
  }

  /** Takes the value at the reader's position. @throws invalid_argument */
  read(reader: JsonReader, name: string): void {
    const written = scanShape(reader, name);
    const column = this.#columns.get(name) ?? this.#open(reader, name, written);
    if (column.rows !== this.#row) throw refuseV1.unevenRows(name);
    if (!sameShape(written, column.writtenShape)) throw refuseV1.unevenShapes(name);
    readMoreElements(reader, column.draft.elements);
    column.rows++;
  }

  /** @throws invalid_argument when the row lacks what an earlier one has. */
  endRow(): void {
    this.#row++;
    for (const [name, { rows }] of this.#columns) if (rows !== this.#row) throw refuseV1.unevenRows(name);
  }

  /** @throws invalid_argument */
  tensors(): readonly Tensor[] {
    const { rows, budget } = this.#options;
    return Array.from(this.#columns.values(), ({ draft, rowShape }) =>
      closeNested(draft, [rows, ...rowShape], budget),
    );
  }

  #open(reader: JsonReader, name: string, writtenShape: readonly number[]): Column {
    const { rows, budget, rowShapeOf } = this.#options;
    const input = this.#inputs.get(name);
    if (input === undefined) throw refuseV1.unknownInput(name);
    const rowShape = rowShapeOf(input, writtenShape);
    const draft = openNested(reader, input, rows * elementCount(rowShape), budget);
    const column = { draft, writtenShape, rowShape, rows: 0 };
    this.#columns.set(name, column);
    return column;
  }
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, index) => size === b[index]);
}

/** How many elements the array at the reader's position has. The reader stays there. @throws invalid_argument */
export function countEntries({ bytes, position }: JsonReader): number {
  const ahead = new JsonReader(bytes, position);
  let entries = 0;
  ahead.beginArray();
  while (ahead.nextElement()) {
    ahead.skip();
    entries++;
  }
  return entries;
}
