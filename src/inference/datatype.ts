/** The Open Inference Protocol's names of element types, plus Triton's BF16. */
export const datatypes = [
  'BOOL',
  'UINT8',
  'UINT16',
  'UINT32',
  'UINT64',
  'INT8',
  'INT16',
  'INT32',
  'INT64',
  'FP16',
  'BF16',
  'FP32',
  'FP64',
  'BYTES',
] as const;

export type Datatype = (typeof datatypes)[number];

/** Bytes of one element; 0 for BYTES, whose elements each carry a uint32 little-endian length. */
export const datatypeSizeBytes = {
  BOOL: 1,
  UINT8: 1,
  UINT16: 2,
  UINT32: 4,
  UINT64: 8,
  INT8: 1,
  INT16: 2,
  INT32: 4,
  INT64: 8,
  FP16: 2,
  BF16: 2,
  FP32: 4,
  FP64: 8,
  BYTES: 0,
} as const satisfies Record<Datatype, number>;

export function isDatatype(name: string): name is Datatype {
  return Object.hasOwn(datatypeSizeBytes, name);
}

/** The field of InferTensorContents for elements of a type. FP16 and BF16 have none: they travel as raw contents only. */
export const contentsFields: ReadonlyMap<string, string> = new Map<Datatype, string>([
  ['BOOL', 'bool_contents'],
  ['UINT8', 'uint_contents'],
  ['UINT16', 'uint_contents'],
  ['UINT32', 'uint_contents'],
  ['UINT64', 'uint64_contents'],
  ['INT8', 'int_contents'],
  ['INT16', 'int_contents'],
  ['INT32', 'int_contents'],
  ['INT64', 'int64_contents'],
  ['FP32', 'fp32_contents'],
  ['FP64', 'fp64_contents'],
  ['BYTES', 'bytes_contents'],
]);
