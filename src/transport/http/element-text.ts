import { isUtf8 } from 'node:buffer';
import { datatypeSizeBytes, type Datatype } from '../../inference/datatype.ts';
import type { Tensor } from '../../inference/tensor.ts';
import { maxFloatCharacters, writeFloat } from './float-text.ts';
import { refuse } from './refuse.ts';

/** Elements that become one piece of text: bounds what is allocated before its size is known. */
const elementsPerPiece = 16_384;

/** V8 compiles what is called often better than what loops for long. */
const floatsPerCall = 128;

const comma = 0x2c;
const separator = Buffer.from(',');

/**
 * Appends the elements of a tensor as JSON without the brackets around them: flat, row-major, comma-separated.
 *
 * @throws invalid_argument for FP16 and BF16, and for BYTES elements that are no UTF-8.
 */
export function appendElements(pieces: Uint8Array[], tensor: Tensor): void {
  switch (tensor.datatype) {
    case 'FP16':
    case 'BF16':
      throw refuse.halfOutput(tensor.datatype, tensor.name);
    case 'FP32':
      appendFloats(pieces, aligned(tensor));
      break;
    case 'BOOL':
      appendPieces(pieces, tensor.data, (part) => Array.from(part, Boolean).join(','));
      break;
    case 'BYTES':
      appendTexts(pieces, tensor);
      break;
    case 'INT8':
    case 'INT16':
    case 'INT32':
    case 'INT64':
    case 'UINT8':
    case 'UINT16':
    case 'UINT32':
    case 'UINT64':
      appendPieces(pieces, numbersOf(tensor, tensor.datatype), (part) => part.join(','));
      break;
    case 'FP64':
      appendPieces(pieces, numbersOf(tensor, tensor.datatype), doublesText);
  }
}

type NumberArray =
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Float64Array;

type NumberDatatype = Exclude<Datatype, 'BOOL' | 'BYTES' | 'FP16' | 'BF16' | 'FP32'>;

const numberArrays: Record<
  NumberDatatype,
  new (buffer: ArrayBufferLike, byteOffset: number, length: number) => NumberArray
> = {
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  FP64: Float64Array,
};

function numbersOf(tensor: Tensor, datatype: NumberDatatype): NumberArray {
  const { buffer, byteOffset, byteLength } = aligned(tensor);
  return new numberArrays[datatype](buffer, byteOffset, byteLength / datatypeSizeBytes[datatype]);
}

/** As `join`, which writes -0 as 0. With a point, since JSON readers take `-0` for an integer. */
function doublesText(part: NumberArray): string {
  let text = '';
  let from = 0;
  for (let index = 0; index < part.length; index++) {
    if (!Object.is(part[index], -0)) continue;
    if (index > from) text += `${part.subarray(from, index).join(',')},`;
    text += '-0.0,';
    from = index + 1;
  }
  return from < part.length ? text + part.subarray(from).join(',') : text.slice(0, -1);
}

/** Typed arrays want elements at multiples of their size; tensors promise nothing. */
function aligned({ data, datatype }: Tensor): Uint8Array {
  return data.byteOffset % datatypeSizeBytes[datatype] === 0 ? data : new Uint8Array(data);
}

function appendPieces(
  pieces: Uint8Array[],
  elements: NumberArray,
  textOf: (part: NumberArray) => string,
): void {
  for (let start = 0; start < elements.length; start += elementsPerPiece) {
    if (start > 0) pieces.push(separator);
    pieces.push(Buffer.from(textOf(elements.subarray(start, start + elementsPerPiece)), 'latin1'));
  }
}

function appendFloats(pieces: Uint8Array[], { buffer, byteOffset, byteLength }: Uint8Array): void {
  const floats = new Float32Array(buffer, byteOffset, byteLength / 4);
  for (let start = 0; start < floats.length; start += elementsPerPiece) {
    const end = Math.min(floats.length, start + elementsPerPiece);
    const target = Buffer.allocUnsafe((end - start) * maxFloatCharacters);
    let position = 0;
    for (let from = start; from < end; from += floatsPerCall) {
      position = writeFloats(target, position, floats.subarray(from, Math.min(end, from + floatsPerCall)));
    }
    if (end === floats.length) position--;
    pieces.push(target.subarray(0, position));
  }
}

/** Each with a comma behind it. @returns the position behind the last. */
function writeFloats(target: Buffer, start: number, floats: Float32Array): number {
  let position = start;
  for (let index = 0; index < floats.length; index++) {
    position = writeFloat(target, position, floats[index] ?? 0);
    target[position++] = comma;
  }
  return position;
}

function appendTexts(pieces: Uint8Array[], { name, data }: Tensor): void {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  if (bytes.length === 0) return;
  // A list of millions would be looked through by the garbage collector again and again.
  let texts: string[] = [];
  let position = 0;
  while (position < bytes.length) {
    const end = position + 4 + bytes.readUInt32LE(position);
    const text = bytes.toString('utf8', position + 4, end);
    // What is no UTF-8 becomes this character, which may also stand in a text.
    if (text.includes('\ufffd') && !isUtf8(bytes.subarray(position + 4, end))) throw refuse.notText(name);
    texts.push(JSON.stringify(text));
    position = end;
    if (texts.length < elementsPerPiece || position >= bytes.length) continue;
    pieces.push(Buffer.from(texts.join(',')), separator);
    texts = [];
  }
  pieces.push(Buffer.from(texts.join(',')));
}
