import { ServingError } from '../errors.ts';
import { featureTypeOf } from '../inference/features.ts';
import type { ModelSpec, TensorSpec } from '../inference/model-spec.ts';
import type { DriftPlan } from '../inference/monitoring.ts';
import { planPrediction } from '../inference/plan-prediction.ts';
import { printable } from '../util/printable.ts';
import { maxFeatures, maxVectorWidth } from './profile-format.ts';

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

/** Outputs of as many numbers are embeddings, unless they are scores. */
const leastEmbedding = 16;

/** A tensor whose rows are compared as whole vectors. */
export interface VectorTensor {
  readonly name: string;
  readonly width: number;
  readonly side: 'inputs' | 'answers';
}

/** Which tensors are watched as vectors. @throws ServingError invalid_argument for a name that is none. */
export function vectorsOf(spec: ModelSpec, plan: DriftPlan | undefined): readonly VectorTensor[] {
  if (plan === undefined) return [];
  const all = [
    ...spec.inputs.map((tensor) => ({ tensor, side: 'inputs' as const })),
    ...spec.outputs.map((tensor) => ({ tensor, side: 'answers' as const })),
  ].flatMap(({ tensor, side }): VectorTensor[] => {
    const rows = featureTypeOf[tensor.datatype] === 'number' ? asRows(tensor, spec.maxBatchSize) : undefined;
    return rows !== undefined && rows.width <= maxVectorWidth
      ? [{ name: rows.name, width: rows.width, side }]
      : [];
  });
  const { embeddings } = plan;
  if (embeddings === undefined) {
    const labels = new Map(
      spec.outputs.filter((output) => output.labels.length > 0).map((output) => [output.name, output.labels]),
    );
    const { scores } = planPrediction(spec.outputs, labels, spec.features);
    return all.filter(
      ({ name, width, side }) => side === 'answers' && width >= leastEmbedding && name !== scores,
    );
  }
  return embeddings.map((wanted) => {
    const found = all.find(({ name }) => name === wanted);
    if (found !== undefined) return found;
    throw new ServingError(
      'invalid_argument',
      `monitoring.drift.embeddings of model '${spec.name}': '${printable(wanted)}' is no input or output of numbers whose rows have one size`,
      { reason: 'MODEL_PROFILE' },
    );
  });
}

/** Which values of a model's inputs are watched one by one, and what each is called; what is watched as vectors is not. */
export function columnsOf(
  spec: ModelSpec,
  plan: DriftPlan | undefined,
): {
  readonly inputs: readonly InputColumns[];
  readonly names: readonly string[];
} {
  const inputs: InputColumns[] = [];
  const names: string[] = [];
  for (const input of spec.inputs) {
    const rows = asRows(input, spec.maxBatchSize);
    if (plan?.embeddings?.includes(input.name) === true) continue;
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
