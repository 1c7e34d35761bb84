import type { ModelCatalog, TensorMetadata } from '../inference/catalog.ts';
import type { RolloutModels } from './controller.ts';

/** What the controller asks of the models, answered from their metadata. @param labels what was told of answers. */
export function createRolloutModels(catalog: ModelCatalog, labels: RolloutModels['labels']): RolloutModels {
  return {
    labels,
    ready: (model, version) => catalog.modelReady(model, version),
    mismatch(model, stable, candidate) {
      if (!catalog.modelReady(model, stable) || !catalog.modelReady(model, candidate)) return '';
      const before = catalog.metadata(model, stable);
      const after = catalog.metadata(model, candidate);
      const names = { stable: `version ${stable}`, candidate: `version ${candidate}` };
      // Inputs that are new would be missing in every request.
      return (
        lacking(before.inputs, after.inputs, { of: 'input', by: names.candidate }) ||
        lacking(after.inputs, before.inputs, { of: 'input', by: names.stable }) ||
        lacking(before.outputs, after.outputs, { of: 'output', by: names.candidate })
      );
    },
  };
}

/** What of `wanted` is not, or otherwise, in `there`; '' for nothing. */
function lacking(
  wanted: readonly TensorMetadata[],
  there: readonly TensorMetadata[],
  { of, by }: { readonly of: string; readonly by: string },
): string {
  for (const { name, datatype, shape } of wanted) {
    const other = there.find((tensor) => tensor.name === name);
    if (other === undefined) return `${by} has no ${of} '${name}'`;
    if (other.datatype !== datatype || !shapesMeet(shape, other.shape)) {
      return `${of} '${name}' is ${other.datatype} [${other.shape.join(', ')}] in ${by}, and ${datatype} [${shape.join(', ')}] in the other`;
    }
  }
  return '';
}

/** -1 is any size. */
function shapesMeet(one: readonly number[], other: readonly number[]): boolean {
  return (
    one.length === other.length &&
    one.every((dim, axis) => dim === -1 || other[axis] === -1 || dim === other[axis])
  );
}
