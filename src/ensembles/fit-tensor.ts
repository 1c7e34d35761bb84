import type { ModelSpec, TensorSpec } from '../inference/model-spec.ts';
import type { Tensor } from '../inference/tensor.ts';

/**
 * The same data under another name, for a model that may count rows where the one that made it does not: a batch of one
 * gains or loses its first dimension. What does not fit still does not fit.
 *
 * @param spec Of the model, or the ensemble, that is to take it as `wanted`.
 */
export function fitTensor(
  { data, datatype, shape }: Tensor,
  spec: Pick<ModelSpec, 'maxBatchSize'>,
  wanted: TensorSpec,
): Tensor {
  return { name: wanted.name, datatype, shape: fitShape(shape, spec, wanted), data };
}

function fitShape(
  shape: readonly number[],
  { maxBatchSize }: Pick<ModelSpec, 'maxBatchSize'>,
  { dims }: TensorSpec,
): readonly number[] {
  if (maxBatchSize > 0 && shape.length === dims.length) return [1, ...shape];
  if (maxBatchSize === 0 && shape.length === dims.length + 1 && shape[0] === 1) return shape.slice(1);
  return shape;
}
