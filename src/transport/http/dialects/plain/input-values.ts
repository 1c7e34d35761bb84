import type { FeatureValue } from '../../../../inference/features.ts';
import { elementCount, type Tensor } from '../../../../inference/tensor.ts';
import { shapeOfElements } from '../../generate.ts';
import { encodeValues } from './encode-values.ts';
import type { PlainInput } from './plain-model.ts';

/** The values of one input, out of all rows of a request. */
export class InputValues {
  readonly input: PlainInput;
  readonly values: FeatureValue[] = [];
  /** Values of each row; -1 before the first. */
  #perRow = -1;
  #rows = 0;
  /** Of the row that is read. */
  #start = 0;

  constructor(input: PlainInput) {
    this.input = input;
  }

  get isEmpty(): boolean {
    return this.#rows === 0;
  }

  /** Whether the row has been filled. */
  has(row: number): boolean {
    return this.#rows > row;
  }

  /** Ends a row. @returns why it cannot be one of the input, as the end of a sentence; '' when it can. */
  endRow(row: number): string {
    const count = this.values.length - this.#start;
    const hadAll = this.#rows === row;
    this.#start = this.values.length;
    this.#rows = row + 1;
    const problem = countProblem(this.input, count);
    if (problem !== '') return problem;
    if (!hadAll) return 'must be in every row';
    if (this.#perRow === -1) this.#perRow = count;
    return count === this.#perRow
      ? ''
      : `must have as many values in every row, ${this.#perRow} as in the first, got ${count}`;
  }

  /**
   * Some of the rows as a tensor.
   *
   * @param batched whether tensors of the model have a dimension of rows.
   */
  tensor(from: number, to: number, batched: boolean): Tensor {
    const { name, datatype, rowShape } = this.input;
    const values = this.values.slice(from * this.#perRow, to * this.#perRow);
    const row = shapeOfElements(name, rowShape, this.#perRow);
    const shape = batched ? [to - from, ...row] : row;
    return { name, datatype, shape, data: encodeValues(values, datatype, name) };
  }
}

function countProblem({ rowShape }: PlainInput, count: number): string {
  const known = rowShape.filter((size) => size !== -1);
  const step = elementCount(known);
  if (known.length === rowShape.length) {
    return count === step ? '' : `takes ${step} ${step === 1 ? 'value' : 'values'}, got ${count}`;
  }
  if (step === 0 ? count === 0 : count % step === 0) return '';
  return `takes a multiple of ${step} values, got ${count}`;
}
