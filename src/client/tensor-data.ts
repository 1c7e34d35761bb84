import { ServingError } from '../errors.ts';
import { datatypeSizeBytes, type Datatype } from '../inference/datatype.ts';

/** Elements of a tensor in row-major order, in the array type of their datatype. */
export type TensorArray =
  | Float32Array
  | Float64Array
  | Float16Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array;

/** What may be sent: typed arrays as they are, other elements are converted and must fit the datatype. */
export type TensorElements = TensorArray | readonly (number | bigint | boolean | string | Uint8Array)[];

type Element = number | bigint | boolean | string | Uint8Array;

const arrayTypes = [
  [Float32Array, 'FP32'],
  [Float64Array, 'FP64'],
  [Float16Array, 'FP16'],
  [Int8Array, 'INT8'],
  [Int16Array, 'INT16'],
  [Int32Array, 'INT32'],
  [BigInt64Array, 'INT64'],
  [Uint8Array, 'UINT8'],
  [Uint16Array, 'UINT16'],
  [Uint32Array, 'UINT32'],
  [BigUint64Array, 'UINT64'],
] as const;

/** The datatype that elements have when none is named; undefined for a plain array of numbers, which could be many. */
export function datatypeOf(elements: TensorElements): Datatype | undefined {
  for (const [type, datatype] of arrayTypes) if (elements instanceof type) return datatype;
  const first = elements[0];
  if (typeof first === 'boolean') return 'BOOL';
  return typeof first === 'string' || first instanceof Uint8Array ? 'BYTES' : undefined;
}

/** The bytes that stand on the wire. @throws ServingError invalid_argument for an element that does not fit. */
export function encodeElements(datatype: Datatype, elements: TensorElements): Uint8Array {
  if (datatype === 'BYTES') return encodeTexts(elements);
  if (ArrayBuffer.isView(elements) && matches(datatype, elements)) {
    return new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
  }
  const sizeBytes = datatypeSizeBytes[datatype];
  const bytes = new Uint8Array(elements.length * sizeBytes);
  const view = new DataView(bytes.buffer);
  for (const [index, element] of elements.entries()) writeElement(view, index * sizeBytes, datatype, element);
  return bytes;
}

function matches(datatype: Datatype, elements: TensorArray): boolean {
  return datatypeOf(elements) === datatype || (datatype === 'BOOL' && elements instanceof Uint8Array);
}

function encodeTexts(elements: TensorElements): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const element of elements) {
    if (typeof element !== 'string' && !(element instanceof Uint8Array)) throw misfit('BYTES', element);
    const content = typeof element === 'string' ? Buffer.from(element) : element;
    const length = Buffer.alloc(4);
    length.writeUInt32LE(content.length);
    parts.push(length, content);
  }
  return Buffer.concat(parts);
}

const integerBounds: Partial<Record<Datatype, readonly [number, number]>> = {
  UINT8: [0, 0xff],
  UINT16: [0, 0xffff],
  UINT32: [0, 0xffffffff],
  INT8: [-0x80, 0x7f],
  INT16: [-0x8000, 0x7fff],
  INT32: [-0x80000000, 0x7fffffff],
};

function writeElement(view: DataView, offset: number, datatype: Datatype, element: Element): void {
  if (datatype === 'INT64' || datatype === 'UINT64') {
    writeWide(view, offset, datatype, element);
    return;
  }
  const number = typeof element === 'boolean' ? Number(element) : element;
  if (typeof number !== 'number') throw misfit(datatype, element);
  const bounds = integerBounds[datatype];
  if (bounds !== undefined && !(Number.isInteger(number) && number >= bounds[0] && number <= bounds[1])) {
    throw misfit(datatype, element);
  }
  writeNumber(view, offset, datatype, number);
}

function writeWide(view: DataView, offset: number, datatype: 'INT64' | 'UINT64', element: Element): void {
  let wide: bigint;
  if (typeof element === 'bigint') wide = element;
  else if (typeof element === 'number' && Number.isSafeInteger(element)) wide = BigInt(element);
  else if (typeof element === 'boolean') wide = BigInt(element);
  else throw misfit(datatype, element);
  const fits = datatype === 'INT64' ? BigInt.asIntN(64, wide) === wide : BigInt.asUintN(64, wide) === wide;
  if (!fits) throw misfit(datatype, element);
  view.setBigUint64(offset, BigInt.asUintN(64, wide), true);
}

function writeNumber(view: DataView, offset: number, datatype: Datatype, number: number): void {
  switch (datatype) {
    case 'FP32':
      view.setFloat32(offset, number, true);
      break;
    case 'FP64':
      view.setFloat64(offset, number, true);
      break;
    case 'FP16':
      view.setUint16(offset, new Uint16Array(Float16Array.of(number).buffer)[0] ?? 0, true);
      break;
    case 'BF16':
      view.setUint16(offset, toBfloat16(number), true);
      break;
    case 'BOOL':
    case 'UINT8':
    case 'INT8':
      view.setUint8(offset, number & 0xff);
      break;
    case 'UINT16':
    case 'INT16':
      view.setUint16(offset, number & 0xffff, true);
      break;
    case 'UINT32':
    case 'INT32':
      view.setUint32(offset, number >>> 0, true);
      break;
    case 'INT64':
    case 'UINT64':
    case 'BYTES':
      throw new Error(`bug: ${datatype} is written elsewhere`);
  }
}

/** The upper half of a float32, rounded to nearest even. */
function toBfloat16(number: number): number {
  const bits = new Uint32Array(Float32Array.of(number).buffer)[0] ?? 0;
  if (Number.isNaN(number)) return 0x7fc0;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

function misfit(datatype: Datatype, element: Element): ServingError {
  const shown = element instanceof Uint8Array ? `${element.length} bytes` : JSON.stringify(String(element));
  return new ServingError('invalid_argument', `${shown} is not a value of datatype ${datatype}`);
}

/**
 * The elements of a received tensor, without a copy where the bytes are aligned. BF16 becomes float32, BOOL a byte each,
 * BYTES one Uint8Array per element. @throws ServingError internal when the bytes do not fit the datatype.
 */
export function decodeElements(datatype: Datatype, bytes: Uint8Array): TensorArray | readonly Uint8Array[] {
  if (datatype === 'BYTES') return decodeBytes(bytes);
  const sizeBytes = datatypeSizeBytes[datatype];
  if (bytes.length % sizeBytes !== 0)
    throw new ServingError('internal', `the reply's ${datatype} tensor is cut off`);
  if (datatype === 'BOOL') return bytes;
  const { buffer, byteOffset } = aligned(bytes, sizeBytes);
  const count = bytes.length / sizeBytes;
  for (const [type, name] of arrayTypes) {
    if (name === datatype) return new type(buffer, byteOffset, count);
  }
  return widen(new Uint16Array(buffer, byteOffset, count));
}

function aligned(bytes: Uint8Array, sizeBytes: number): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = bytes;
  const usable = buffer instanceof ArrayBuffer && byteOffset % sizeBytes === 0;
  return usable ? new Uint8Array(buffer, byteOffset, byteLength) : new Uint8Array(bytes);
}

function widen(halves: Uint16Array): Float32Array {
  const bits = Uint32Array.from(halves, (half) => half << 16);
  return new Float32Array(bits.buffer);
}

function decodeBytes(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const elements: Uint8Array[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const start = offset + 4;
    const end = start <= bytes.length ? start + view.getUint32(offset, true) : Infinity;
    if (end > bytes.length) throw new ServingError('internal', "the reply's BYTES tensor is cut off");
    elements.push(new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start));
    offset = end;
  }
  return elements;
}
