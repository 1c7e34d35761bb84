import type { ModelSpec } from '../inference/model-spec.ts';
import type { InferRequest } from '../inference/request.ts';
import type { Tensor } from '../inference/tensor.ts';
import { failed } from './refusals.ts';

/**
 * The outputs that a request asks for, of those that its module returned.
 *
 * @throws internal when one is not there, or is not what the model's metadata says.
 */
export function pickOutputs(
  { maxBatchSize, outputsByName }: ModelSpec,
  { inputs, outputs }: InferRequest,
  returned: readonly Tensor[],
): readonly Tensor[] {
  const rows = maxBatchSize > 0 ? [inputs[0]?.shape[0] ?? 1] : [];
  return outputs.map(({ name }) => {
    const wanted = outputsByName.get(name);
    if (wanted === undefined) throw new Error('bug: an output was admitted that the model does not have');
    const found = returned.find((tensor) => tensor.name === name);
    if (found === undefined) throw failed('postprocess', `it returned no output '${name}'`);
    const shape = [...rows, ...wanted.dims];
    if (found.datatype !== wanted.datatype || !agree(shape, found.shape)) {
      throw failed(
        'postprocess',
        `output '${name}' is ${found.datatype}[${found.shape.join(',')}], not ${wanted.datatype}[${shape.join(',')}]`,
      );
    }
    return found;
  });
}

function agree(wanted: readonly number[], shape: readonly number[]): boolean {
  return wanted.length === shape.length && wanted.every((dim, axis) => dim === -1 || dim === shape[axis]);
}
