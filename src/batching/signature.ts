import type { ModelSpec } from '../inference/model-spec.ts';
import { elementCount, type Tensor } from '../inference/tensor.ts';

/** True when every request to the model has the same signature, so that it need not be looked at. */
export function hasOneSignature(spec: ModelSpec): boolean {
  return spec.inputs.every(
    ({ optional, allowRagged, dims }) => !optional && (allowRagged || !dims.includes(-1)),
  );
}

/**
 * Whether two requests may be joined along dimension 0: same inputs in the same order, same datatypes, same sizes in
 * every other dimension (in all of them when the model has no batch dimension).
 */
export function sameSignature(a: readonly Tensor[], b: readonly Tensor[], firstDim: 0 | 1): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    const left = a[i];
    const right = b[i];
    if (left === undefined || right === undefined) return false;
    if (left.name !== right.name || left.datatype !== right.datatype) return false;
    if (left.shape.length !== right.shape.length) return false;
    for (let dim = firstDim; dim < left.shape.length; dim++) {
      if (left.shape[dim] !== right.shape[dim]) return false;
    }
  }
  return true;
}

/** The same as text: equal exactly when `sameSignature` holds (names are quoted, so no name can imitate another list). */
export function signatureOf(inputs: readonly Tensor[], firstDim: 0 | 1): string {
  let text = '';
  for (const { name, datatype, shape } of inputs) {
    text += `${JSON.stringify(name)}:${datatype}`;
    for (let dim = firstDim; dim < shape.length; dim++) text += `,${shape[dim]}`;
    text += `/${shape.length};`;
  }
  return text;
}

/**
 * Floor of log2 of the elements of one row over all inputs: rows of one class cost about the same. BYTES elements
 * count as one each.
 */
export function sizeClassOf(inputs: readonly Tensor[], rows: number): number {
  let elements = 0;
  for (const { shape } of inputs) elements += elementCount(shape);
  return Math.min(31, Math.floor(Math.log2(Math.max(1, elements / Math.max(1, rows)))));
}

/** The class of a row of zeros: one element in each dimension of any size, and no optional inputs. */
export function rowClassOf({ inputs }: ModelSpec): number {
  let elements = 0;
  for (const { optional, dims, reshape } of inputs) {
    if (!optional) elements += elementCount((reshape ?? dims).map((dim) => Math.abs(dim)));
  }
  return Math.min(31, Math.floor(Math.log2(Math.max(1, elements))));
}
