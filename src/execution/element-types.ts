import type { Datatype } from '../inference/datatype.ts';

/** What the elements of a tensor may be viewed as. */
export type ElementView =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float32Array
  | Float64Array;

/** ONNX Runtime's JavaScript names; undefined where its binding has none (it cannot carry bfloat16 at all). */
export const runtimeTypes = {
  BOOL: 'bool',
  UINT8: 'uint8',
  UINT16: 'uint16',
  UINT32: 'uint32',
  UINT64: 'uint64',
  INT8: 'int8',
  INT16: 'int16',
  INT32: 'int32',
  INT64: 'int64',
  FP16: 'float16',
  BF16: undefined,
  FP32: 'float32',
  FP64: 'float64',
  BYTES: 'string',
} as const satisfies Record<Datatype, string | undefined>;

const datatypesByRuntimeType: ReadonlyMap<string, Datatype> = new Map([
  ['bool', 'BOOL'],
  ['uint8', 'UINT8'],
  ['uint16', 'UINT16'],
  ['uint32', 'UINT32'],
  ['uint64', 'UINT64'],
  ['int8', 'INT8'],
  ['int16', 'INT16'],
  ['int32', 'INT32'],
  ['int64', 'INT64'],
  ['float16', 'FP16'],
  ['float32', 'FP32'],
  ['float64', 'FP64'],
  ['string', 'BYTES'],
]);

export function datatypeOfRuntimeType(type: string): Datatype | undefined {
  return datatypesByRuntimeType.get(type);
}

/** ONNX's TensorProto.DataType numbers, by which the native binding names element types, in words for error texts. */
const onnxTypes: readonly string[] = [
  'UNDEFINED',
  'float32',
  'uint8',
  'int8',
  'uint16',
  'int16',
  'int32',
  'int64',
  'string',
  'bool',
  'float16',
  'float64',
  'uint32',
  'uint64',
  'complex64',
  'complex128',
  'bfloat16',
  'float8e4m3fn',
  'float8e4m3fnuz',
  'float8e5m2',
  'float8e5m2fnuz',
  'uint4',
  'int4',
];

export function onnxTypeName(number: number): string {
  return onnxTypes[number] ?? `type ${number}`;
}

type ViewConstructor = new (buffer: ArrayBufferLike, offset: number, count: number) => ElementView;

const views: Readonly<Record<Datatype, ViewConstructor>> = {
  BOOL: Uint8Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  FP16: Uint16Array,
  BF16: Uint16Array,
  FP32: Float32Array,
  FP64: Float64Array,
  BYTES: Uint8Array,
};

/**
 * The elements that stand at `offset`, without a copy. FP16 is viewed as its 16-bit patterns.
 *
 * @param offset must be a multiple of the element size.
 */
export function viewElements(
  datatype: Datatype,
  buffer: ArrayBufferLike,
  offset: number,
  count: number,
): ElementView {
  return new views[datatype](buffer, offset, count);
}
