import type { ModelSpec } from '../inference/model-spec.ts';
import type { Tensor } from '../inference/tensor.ts';
import { refuse } from './refuse.ts';

const lengthBytes = 4;

/**
 * Walks the elements of a BYTES tensor: as many as the shape says, each whole, and nothing behind them.
 *
 * @throws invalid_argument
 */
export function checkByteElements(spec: ModelSpec, input: Tensor, elements: number): void {
  const { data } = input;
  const end = data.byteLength;
  let position = 0;
  let count = 0;
  while (position < end) {
    if (end - position < lengthBytes) throw refuse.elementLength(spec, input, end - position);
    count++;
    if (count > elements) throw refuse.tooManyElements(spec, input, elements);
    const length = uint32At(data, position);
    position += lengthBytes;
    if (length > end - position) throw refuse.elementData(spec, input, { length, available: end - position });
    position += length;
  }
  if (count !== elements) throw refuse.tooFewElements(spec, input, { expected: elements, got: count });
}

function uint32At(data: Uint8Array, position: number): number {
  const low = (data[position] ?? 0) | ((data[position + 1] ?? 0) << 8) | ((data[position + 2] ?? 0) << 16);
  return (low | ((data[position + 3] ?? 0) << 24)) >>> 0;
}

/** All bits of four booleans that must be zero. */
const notBoolean = 0xfefefefe | 0;

/**
 * Every byte of a BOOL tensor must be 0 or 1: ONNX Runtime computes with the byte as it is, so that of a 2, `Not` gives
 * 3 and `Equal` to true gives false.
 *
 * @throws invalid_argument
 */
export function checkBooleans(spec: ModelSpec, input: Tensor): void {
  const { buffer, byteOffset, byteLength } = input.data;
  const end = byteOffset + byteLength;
  const firstWord = Math.min(end, (byteOffset + 3) & ~3);
  const lastWord = Math.max(firstWord, end & ~3);
  const words = new Int32Array(buffer, firstWord === end ? 0 : firstWord, (lastWord - firstWord) >> 2);
  for (let i = 0; i < words.length; i++) {
    if (((words[i] ?? 0) & notBoolean) !== 0) throw refuse.boolean(spec, input);
  }
  const { data } = input;
  for (let i = 0; i < firstWord - byteOffset; i++) if ((data[i] ?? 0) > 1) throw refuse.boolean(spec, input);
  for (let i = lastWord - byteOffset; i < byteLength; i++) {
    if ((data[i] ?? 0) > 1) throw refuse.boolean(spec, input);
  }
}
