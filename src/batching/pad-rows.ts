import type { Tensor } from '../inference/tensor.ts';

/** Appends what makes `tensor` as long as `size` along an axis: views of its data, and of the fill between them. */
export function padRows(
  tensor: Tensor,
  { axis, size, fill }: { readonly axis: number; readonly size: number; readonly fill: Uint8Array },
  parts: Uint8Array[],
): number {
  const { shape, data } = tensor;
  const own = shape[axis] ?? 0;
  if (own === size) {
    parts.push(data);
    return data.byteLength;
  }
  let blocks = 1;
  for (let dim = 0; dim < axis; dim++) blocks *= shape[dim] ?? 1;
  const blockBytes = data.byteLength / blocks;
  const missingBytes = (blockBytes / own) * (size - own);
  for (let block = 0; block < blocks; block++) {
    parts.push(blocks === 1 ? data : data.subarray(block * blockBytes, (block + 1) * blockBytes));
    let left = missingBytes;
    for (; left >= fill.byteLength; left -= fill.byteLength) parts.push(fill);
    if (left > 0) parts.push(fill.subarray(0, left));
  }
  return blocks * (blockBytes + missingBytes);
}

/** The way back: the first `size` elements along an axis. A view where they lie together, else a copy. */
export function cutRows(tensor: Tensor, axis: number, size: number): Tensor {
  const { name, datatype, data } = tensor;
  const padded = tensor.shape[axis] ?? 0;
  if (padded === size) return tensor;
  let blocks = 1;
  for (let dim = 0; dim < axis; dim++) blocks *= tensor.shape[dim] ?? 1;
  const shape = tensor.shape.with(axis, size);
  const blockBytes = data.byteLength / blocks;
  const keptBytes = (blockBytes / padded) * size;
  if (blocks === 1) return { name, datatype, shape, data: data.subarray(0, keptBytes) };
  const kept = new Uint8Array(blocks * keptBytes);
  for (let block = 0; block < blocks; block++) {
    const start = block * blockBytes;
    kept.set(data.subarray(start, start + keptBytes), block * keptBytes);
  }
  return { name, datatype, shape, data: kept };
}
