import { type Datatype, datatypeSizeBytes } from '../inference/datatype.ts';
import type { ModuleElements, ModuleTensor } from '../inference/processing-module.ts';
import { elementCount, type Tensor } from '../inference/tensor.ts';

/** What a module returned is no tensor; the text says why, for the log. */
export class TensorError extends Error {}

type TypedArray = Exclude<ModuleElements, readonly unknown[]>;

/** From bytes of their own, aligned as typed arrays need them. */
const arrays = {
  BOOL: (bytes) => new Uint8Array(bytes),
  UINT8: (bytes) => new Uint8Array(bytes),
  UINT16: (bytes) => new Uint16Array(bytes),
  UINT32: (bytes) => new Uint32Array(bytes),
  UINT64: (bytes) => new BigUint64Array(bytes),
  INT8: (bytes) => new Int8Array(bytes),
  INT16: (bytes) => new Int16Array(bytes),
  INT32: (bytes) => new Int32Array(bytes),
  INT64: (bytes) => new BigInt64Array(bytes),
  FP16: (bytes) => new Float16Array(bytes),
  BF16: (bytes) => new Uint16Array(bytes),
  FP32: (bytes) => new Float32Array(bytes),
  FP64: (bytes) => new Float64Array(bytes),
} as const satisfies Record<Exclude<Datatype, 'BYTES'>, (bytes: ArrayBuffer) => TypedArray>;

/** Named as Object.prototype.toString does: arrays may be of another realm. */
const kinds: ReadonlyMap<string, Datatype> = new Map([
  ['Uint8Array', 'UINT8'],
  ['Uint16Array', 'UINT16'],
  ['Uint32Array', 'UINT32'],
  ['BigUint64Array', 'UINT64'],
  ['Int8Array', 'INT8'],
  ['Int16Array', 'INT16'],
  ['Int32Array', 'INT32'],
  ['BigInt64Array', 'INT64'],
  ['Float16Array', 'FP16'],
  ['Float32Array', 'FP32'],
  ['Float64Array', 'FP64'],
]);

/** The kinds that a datatype may come in besides the one that stands for it. */
const alsoFits: Partial<Record<Datatype, Datatype>> = { BOOL: 'UINT8', BF16: 'UINT16' };

/** A tensor as a module works on it; its elements are copied. */
export function toModuleTensor({ datatype, shape, data }: Tensor): ModuleTensor {
  if (datatype === 'BYTES') return { datatype, shape, data: bytesElements(data) };
  const own = new ArrayBuffer(data.byteLength);
  new Uint8Array(own).set(data);
  return { datatype, shape, data: arrays[datatype](own) };
}

function bytesElements(data: Uint8Array): readonly Buffer[] {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const elements: Buffer[] = [];
  for (let offset = 0; offset < bytes.length;) {
    const end = offset + 4 + bytes.readUInt32LE(offset);
    elements.push(bytes.subarray(offset + 4, end));
    offset = end;
  }
  return elements;
}

/** The wire form of what a module returned under `name`. @throws TensorError */
export function fromReturned(name: string, returned: unknown): Tensor {
  if (typeof returned !== 'object' || returned === null) {
    throw new TensorError(`'${name}' is no object with shape and data`);
  }
  const { shape, data, datatype: given } = new Fields(returned);
  if (!isShape(shape)) throw new TensorError(`the shape of '${name}' is no list of sizes`);
  if (Array.isArray(data)) {
    if (given !== undefined && given !== 'BYTES') {
      throw new TensorError(`the data of '${name}' must be a typed array, for all datatypes but BYTES`);
    }
    return counted({ name, datatype: 'BYTES', shape, data: encodeElements(name, data) }, data.length);
  }
  const kind = ArrayBuffer.isView(data) ? kinds.get(kindOf(data)) : undefined;
  if (kind === undefined || !ArrayBuffer.isView(data)) {
    throw new TensorError(`the data of '${name}' is neither a typed array nor a list of texts or bytes`);
  }
  const datatype = given === undefined ? kind : fitting(name, given, kind);
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return counted({ name, datatype, shape, data: bytes }, bytes.byteLength / datatypeSizeBytes[datatype]);
}

/** What may be read of a value that is an object of any kind. */
class Fields {
  readonly shape: unknown;
  readonly data: unknown;
  readonly datatype: unknown;

  constructor(value: object) {
    const fields = new Map<string, unknown>(Object.entries(value));
    this.shape = fields.get('shape');
    this.data = fields.get('data');
    this.datatype = fields.get('datatype');
  }
}

/** Buffers are Uint8Arrays by another name. */
function kindOf(view: ArrayBufferView): string {
  return Object.prototype.toString.call(view).slice('[object '.length, -1);
}

function fitting(name: string, given: unknown, kind: Datatype): Datatype {
  for (const [datatype, other] of Object.entries(alsoFits)) {
    if (given === datatype && kind === other) return datatype === 'BOOL' ? 'BOOL' : 'BF16';
  }
  if (given === kind) return kind;
  throw new TensorError(`the data of '${name}' holds ${kind}, which is not its datatype`);
}

function isShape(shape: unknown): shape is readonly number[] {
  return Array.isArray(shape) && shape.every((dim) => Number.isSafeInteger(dim) && dim >= 0);
}

function counted(tensor: Tensor, elements: number): Tensor {
  const wanted = elementCount(tensor.shape);
  if (elements === wanted) return tensor;
  throw new TensorError(
    `'${tensor.name}' has ${elements} elements, and its shape [${tensor.shape.join(',')}] stands for ${wanted}`,
  );
}

function encodeElements(name: string, elements: readonly unknown[]): Uint8Array {
  const parts: Buffer[] = [];
  for (const element of elements) {
    const bytes = elementBytes(element);
    if (bytes === undefined) throw new TensorError(`an element of '${name}' is neither a text nor bytes`);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.byteLength);
    parts.push(length, bytes);
  }
  return Buffer.concat(parts);
}

function elementBytes(element: unknown): Buffer | undefined {
  if (typeof element === 'string') return Buffer.from(element);
  if (!(element instanceof Uint8Array)) return undefined;
  return Buffer.from(element.buffer, element.byteOffset, element.byteLength);
}
