import type { Tensor } from '../inference/tensor.ts';

/** How far results may differ: |a - b| <= absolute + relative * max(|a|, |b|). */
export interface Tolerance {
  readonly relative: number;
  readonly absolute: number;
}

/** A model's rows may be batched if they agree within this: kernels pick other summation orders for other sizes. */
const batchingTolerance: Tolerance = { relative: 1e-4, absolute: 1e-6 };

/**
 * Compares what a batch gave with what its requests gave alone.
 *
 * @param batched Outputs of the batch.
 * @param single Outputs of each request alone, in the order of the batch.
 * @returns '' when they agree, else the reason in one line for people: why the model must not be batched.
 */
export function disagreement(
  batched: readonly Tensor[],
  single: readonly (readonly Tensor[])[],
  tolerance: Tolerance = batchingTolerance,
): string {
  for (const [index, output] of batched.entries()) {
    const parts: Tensor[] = [];
    for (const outputs of single) {
      const part = outputs[index];
      if (part === undefined || part.name !== output.name)
        return `output '${output.name}' is missing in single runs`;
      parts.push(part);
    }
    const reason = shapeDisagreement(output, parts) || valueDisagreement(output, parts, tolerance);
    if (reason !== '') return reason;
  }
  return '';
}

function shapeDisagreement(output: Tensor, parts: readonly Tensor[]): string {
  const { name, shape, datatype } = output;
  let rows = 0;
  for (const part of parts) {
    if (part.datatype !== datatype) return `output '${name}' changes its data type with the batch size`;
    if (part.shape.length === 0 || part.shape.length !== shape.length) {
      return `output '${name}' has no batch dimension`;
    }
    for (let dim = 1; dim < shape.length; dim++) {
      if (part.shape[dim] !== shape[dim]) return `output '${name}' changes its shape with the batch size`;
    }
    rows += part.shape[0] ?? 0;
  }
  return shape[0] === rows ? '' : `output '${name}' does not follow the batch dimension`;
}

function valueDisagreement(output: Tensor, parts: readonly Tensor[], tolerance: Tolerance): string {
  let offset = 0;
  for (const part of parts) {
    const own = output.data.subarray(offset, offset + part.data.byteLength);
    offset += part.data.byteLength;
    if (!sameValues(output.datatype, own, part.data, tolerance)) {
      return `output '${output.name}' depends on the other rows of a batch`;
    }
  }
  return offset === output.data.byteLength
    ? ''
    : `output '${output.name}' changes its size with the batch size`;
}

function sameValues(datatype: string, left: Uint8Array, right: Uint8Array, tolerance: Tolerance): boolean {
  const read = readers[datatype];
  if (read === undefined) return Buffer.compare(left, right) === 0;
  if (left.byteLength !== right.byteLength) return false;
  const a = new DataView(left.buffer, left.byteOffset, left.byteLength);
  const b = new DataView(right.buffer, right.byteOffset, right.byteLength);
  for (let at = 0; at + read.sizeBytes <= left.byteLength; at += read.sizeBytes) {
    if (!close(read.value(a, at), read.value(b, at), tolerance)) return false;
  }
  return true;
}

/** Only floating-point results may differ at all. */
const readers: Readonly<
  Partial<Record<string, { readonly sizeBytes: number; value(view: DataView, at: number): number }>>
> = {
  FP32: { sizeBytes: 4, value: (view, at) => view.getFloat32(at, true) },
  FP64: { sizeBytes: 8, value: (view, at) => view.getFloat64(at, true) },
  FP16: { sizeBytes: 2, value: (view, at) => halfValue(view.getUint16(at, true)) },
  BF16: { sizeBytes: 2, value: (view, at) => brainValue(view.getUint16(at, true)) },
};

function close(a: number, b: number, { relative, absolute }: Tolerance): boolean {
  if (Object.is(a, b) || a === b) return true;
  if (Number.isNaN(a) && Number.isNaN(b)) return true;
  return Math.abs(a - b) <= absolute + relative * Math.max(Math.abs(a), Math.abs(b));
}

function halfValue(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const scratch = new DataView(new ArrayBuffer(4));

function brainValue(bits: number): number {
  scratch.setUint32(0, bits * 65_536, true);
  return scratch.getFloat32(0, true);
}
