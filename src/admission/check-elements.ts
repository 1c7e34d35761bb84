import { isUtf8 } from 'node:buffer';
import type { ModelSpec } from '../inference/model-spec.ts';
import type { Tensor } from '../inference/tensor.ts';
import { refuse } from './refuse.ts';

const lengthBytes = 4;

/** Longer elements are looked through by native code, which costs as much as looking at some 60 bytes here. */
const nativeFromBytes = 64;

/**
 * Walks the elements of a BYTES tensor: as many as the shape says, each whole and a text, and nothing behind them. A text is
 * UTF-8 without NUL, as ONNX Runtime's strings are; found here, one that is not fails no other request of its batch.
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
    const problem = textProblem(data, position, position + length);
    if (problem !== '') throw refuse.elementText(spec, input, { index: count - 1, problem });
    position += length;
  }
  if (count !== elements) throw refuse.tooFewElements(spec, input, { expected: elements, got: count });
}

/** '' for UTF-8 without NUL. */
function textProblem(data: Uint8Array, start: number, end: number): string {
  let isAscii = end - start < nativeFromBytes;
  for (let at = start; isAscii && at < end; at++) {
    const byte = data[at] ?? 0;
    if (byte === 0) return 'contains a NUL byte';
    isAscii = byte < 128;
  }
  if (isAscii) return '';
  const text = data.subarray(start, end);
  if (!isUtf8(text)) return 'is not valid UTF-8';
  return text.includes(0) ? 'contains a NUL byte' : '';
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
