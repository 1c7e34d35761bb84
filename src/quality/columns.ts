import type { ModelSpec, TensorSpec } from '../inference/model-spec.ts';
import { maxFeatures } from './profile-format.ts';

/** A tensor of a model as rows of values. */
export interface RowTensor {
  readonly name: string;
  /** Values of each row. */
  readonly width: number;
  readonly texts: boolean;
}

/** The columns that one input gives, in its order. */
export interface InputColumns extends RowTensor {
  /** Of the first of them among all columns of the model. */
  readonly first: number;
}

/** undefined where rows differ in size. */
export function asRows(tensor: TensorSpec, maxBatchSize: number): RowTensor | undefined {
  const { dims, name } = tensor;
  const width = (maxBatchSize === 0 && dims[0] === -1 ? dims.slice(1) : dims).reduce(
    (product, size) => (size < 0 ? Number.NaN : product * size),
    1,
  );
  return width > 0 ? { name, width, texts: tensor.datatype === 'BYTES' } : undefined;
}

/** Which values of a model's inputs are watched, and what each is called. */
export function columnsOf(spec: ModelSpec): {
  readonly inputs: readonly InputColumns[];
  readonly names: readonly string[];
} {
  const inputs: InputColumns[] = [];
  const names: string[] = [];
  for (const input of spec.inputs) {
    const rows = asRows(input, spec.maxBatchSize);
    if (rows === undefined || names.length + rows.width > maxFeatures) continue;
    const own = spec.features?.features.filter((feature) => feature.input === input.name) ?? [];
    inputs.push({ ...rows, first: names.length });
    for (let i = 0; i < rows.width; i++) {
      const given = own.length === rows.width ? own[i]?.name : undefined;
      names.push(given ?? (rows.width === 1 ? input.name : `${input.name}[${i}]`));
    }
  }
  return { inputs, names };
}
