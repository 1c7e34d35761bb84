import type { Datatype } from '../../../inference/datatype.ts';
import { wireType } from '../wire-reader.ts';

/** How the elements of a data type stand in a TensorProto. */
export interface ValueForm {
  /** Number in tensorflow.DataType. */
  readonly dtype: number;
  readonly datatype: Datatype;
  /** The field of its values. */
  readonly field: number;
  /** Of one value that is not packed. */
  readonly wire: number;
  /** In a tensor; of BYTES that is the length before an element. */
  readonly sizeBytes: number;
  /** Bounds of data types that are narrower than their field. */
  readonly min: number;
  readonly max: number;
}

type Widths = readonly [sizeBytes: number, min: number, max: number];

function form(dtype: number, datatype: Datatype, field: number, wire: number, widths: Widths): ValueForm {
  const [sizeBytes, min, max] = widths;
  return { dtype, datatype, field, wire, sizeBytes, min, max };
}

const { varint, fixed32, fixed64, bytes } = wireType;

const forms: readonly ValueForm[] = [
  form(1, 'FP32', 5, fixed32, [4, 0, 0]),
  form(2, 'FP64', 6, fixed64, [8, 0, 0]),
  form(3, 'INT32', 7, varint, [4, -0x8000_0000, 0x7fff_ffff]),
  form(4, 'UINT8', 7, varint, [1, 0, 0xff]),
  form(5, 'INT16', 7, varint, [2, -0x8000, 0x7fff]),
  form(6, 'INT8', 7, varint, [1, -0x80, 0x7f]),
  form(7, 'BYTES', 8, bytes, [4, 0, 0]),
  form(9, 'INT64', 10, varint, [8, 0, 0]),
  form(10, 'BOOL', 11, varint, [1, 0, 1]),
  form(14, 'BF16', 13, varint, [2, 0, 0xffff]),
  form(17, 'UINT16', 7, varint, [2, 0, 0xffff]),
  form(19, 'FP16', 13, varint, [2, 0, 0xffff]),
  form(22, 'UINT32', 16, varint, [4, 0, 0xffff_ffff]),
  form(23, 'UINT64', 17, varint, [8, 0, 0]),
];

const byNumber = new Map(forms.map((one) => [one.dtype, one]));
const byDatatype = new Map(forms.map((one) => [one.datatype, one]));

/** undefined for what no ONNX model takes. */
export function formOfNumber(dtype: number): ValueForm | undefined {
  return byNumber.get(dtype);
}

export function formOf(datatype: Datatype): ValueForm {
  const found = byDatatype.get(datatype);
  if (found === undefined) throw new Error(`bug: ${datatype} has no form`);
  return found;
}
