import { ServingError } from '../../errors.ts';
import type { Datatype } from '../../inference/datatype.ts';
import { copyText, malformed, WireReader, wireType } from './wire-reader.ts';

/** Where the parts of one InferTensorContents stand in the message: start and end of each, alternating. */
export type ContentsRanges = readonly number[];

type FieldName = (typeof fields)[number]['name'];

/** The fields of InferTensorContents by number, and how one element stands on the wire. */
const fields = [
  { name: '', wire: wireType.varint },
  { name: 'bool_contents', wire: wireType.varint },
  { name: 'int_contents', wire: wireType.varint },
  { name: 'int64_contents', wire: wireType.varint },
  { name: 'uint_contents', wire: wireType.varint },
  { name: 'uint64_contents', wire: wireType.varint },
  { name: 'fp32_contents', wire: wireType.fixed32 },
  { name: 'fp64_contents', wire: wireType.fixed64 },
  { name: 'bytes_contents', wire: wireType.bytes },
] as const;

/** How the elements of a datatype arrive and how they leave. */
interface Form {
  readonly field: number;
  /** Bytes of one element in the result; for BYTES those of its length prefix. */
  readonly sizeBytes: number;
  /** Bounds of the element for datatypes narrower than their field. */
  readonly min: number;
  readonly max: number;
}

const forms: Readonly<Record<Datatype, Form | undefined>> = {
  BOOL: { field: 1, sizeBytes: 1, min: 0, max: 1 },
  INT8: { field: 2, sizeBytes: 1, min: -0x80, max: 0x7f },
  INT16: { field: 2, sizeBytes: 2, min: -0x8000, max: 0x7fff },
  INT32: { field: 2, sizeBytes: 4, min: -0x8000_0000, max: 0x7fff_ffff },
  INT64: { field: 3, sizeBytes: 8, min: 0, max: 0 },
  UINT8: { field: 4, sizeBytes: 1, min: 0, max: 0xff },
  UINT16: { field: 4, sizeBytes: 2, min: 0, max: 0xffff },
  UINT32: { field: 4, sizeBytes: 4, min: 0, max: 0xffff_ffff },
  UINT64: { field: 5, sizeBytes: 8, min: 0, max: 0 },
  FP32: { field: 6, sizeBytes: 4, min: 0, max: 0 },
  FP64: { field: 7, sizeBytes: 8, min: 0, max: 0 },
  BYTES: { field: 8, sizeBytes: 4, min: 0, max: 0 },
  FP16: undefined,
  BF16: undefined,
};

/** The input whose contents are converted, for the texts of errors. */
export interface TypedInput {
  readonly model: string;
  readonly name: string;
  readonly datatype: Datatype;
}

/**
 * Turns typed contents into the wire bytes of a tensor: little-endian, row-major. Floats that arrive in one packed run
 * stay a view of `message`.
 *
 * @param maxBytes what the result may take; varints grow up to eightfold.
 * @throws invalid_argument when elements stand in a field of another datatype or outside the datatype's range,
 * resource_exhausted when the result would be larger than `maxBytes`.
 */
export function convertContents(
  message: Buffer,
  ranges: ContentsRanges,
  input: TypedInput,
  maxBytes: number,
): Uint8Array {
  const form = forms[input.datatype];
  if (form === undefined) throw noTypedForm(input);
  const whole = measure(message, ranges, input, form);
  if (whole.run !== undefined && whole.sizeBytes === whole.run.length) return whole.run;
  if (whole.sizeBytes > maxBytes) {
    throw new ServingError(
      'resource_exhausted',
      `contents of input '${input.name}' take ${whole.sizeBytes} bytes, which exceeds the maximum allowed of ${maxBytes} (--grpc-max-message-bytes)`,
      { reason: 'MESSAGE_TOO_LARGE' },
    );
  }
  const target = Buffer.allocUnsafe(whole.sizeBytes);
  let position = 0;
  for (let part = 0; part < ranges.length; part += 2) {
    const reader = new WireReader(message, ranges[part], ranges[part + 1]);
    while (reader.position < reader.end) {
      const tag = reader.tag();
      if (tag >>> 3 !== form.field) reader.skip(tag);
      else position = readElements(reader, tag, { input, form, target, position });
    }
  }
  return target;
}

interface Measured {
  readonly sizeBytes: number;
  /** The last packed run of fixed-size elements. */
  readonly run: Buffer | undefined;
}

/**
 * Counts what convertContents will write, and refuses elements in fields of other datatypes. No views are made: there may be
 * tens of millions of elements or runs, and each view would cost as much as ten of them.
 */
function measure(message: Buffer, ranges: ContentsRanges, input: TypedInput, form: Form): Measured {
  let sizeBytes = 0;
  let runStart = -1;
  let runEnd = -1;
  for (let part = 0; part < ranges.length; part += 2) {
    const reader = new WireReader(message, ranges[part], ranges[part + 1]);
    while (reader.position < reader.end) {
      const tag = reader.tag();
      const field = fields[tag >>> 3];
      const wire = tag & 7;
      if (field === undefined || (wire !== field.wire && wire !== wireType.bytes)) {
        reader.skip(tag);
        continue;
      }
      let addedBytes = form.sizeBytes;
      if (wire !== wireType.bytes) reader.skip(tag);
      else {
        const size = reader.size();
        const start = reader.position;
        reader.position += size;
        if (field.wire === wireType.bytes) addedBytes += size;
        else addedBytes *= countPacked(message, start, reader.position, field.wire);
        if (field.wire === wireType.fixed32 || field.wire === wireType.fixed64) {
          runStart = start;
          runEnd = reader.position;
        }
      }
      if (tag >>> 3 !== form.field && addedBytes > 0) throw wrongField(input, field.name);
      sizeBytes += addedBytes;
    }
  }
  return { sizeBytes, run: runStart < 0 ? undefined : message.subarray(runStart, runEnd) };
}

/** Elements of a packed run. Each varint has exactly one byte without the continuation bit. */
function countPacked(message: Buffer, start: number, end: number, elementWire: number): number {
  if (elementWire !== wireType.varint) {
    const sizeBytes = elementWire === wireType.fixed32 ? 4 : 8;
    if ((end - start) % sizeBytes !== 0) throw malformed();
    return (end - start) / sizeBytes;
  }
  let count = 0;
  for (let index = start; index < end; index++) if ((message[index] ?? 0) < 0x80) count++;
  return count;
}

interface Conversion {
  readonly input: TypedInput;
  readonly form: Form;
  readonly target: Buffer;
  /** Where the next element goes. */
  readonly position: number;
}

/** Writes the elements of one occurrence of the datatype's field and returns the position after them. */
function readElements(reader: WireReader, tag: number, conversion: Conversion): number {
  const { form, target } = conversion;
  const elementWire = fields[form.field]?.wire;
  const wire = tag & 7;
  let position = conversion.position;
  if (wire === elementWire && wire !== wireType.bytes) return readElement(reader, conversion, position);
  if (wire !== wireType.bytes) {
    reader.skip(tag);
    return position;
  }
  if (elementWire === wireType.bytes) {
    return copyText(reader, target, position);
  }
  const outer = reader.enter();
  if (elementWire === wireType.varint) {
    while (reader.position < reader.end) position = readElement(reader, conversion, position);
  } else {
    target.set(reader.bytes.subarray(reader.position, reader.end), position);
    position += reader.end - reader.position;
    reader.position = reader.end;
  }
  reader.leave(outer);
  return position;
}

function readElement(reader: WireReader, { input, form, target }: Conversion, position: number): number {
  if (form.field >= 6) {
    const start = reader.position;
    reader.skip(form.sizeBytes === 4 ? wireType.fixed32 : wireType.fixed64);
    target.set(reader.bytes.subarray(start, reader.position), position);
    return position + form.sizeBytes;
  }
  if (form.field === 1) {
    target[position] = reader.bool() ? 1 : 0;
    return position + 1;
  }
  reader.varintParts(parts);
  const low = parts[0] ?? 0;
  if (form.sizeBytes === 8) {
    target.writeUInt32LE(low, position);
    target.writeUInt32LE(parts[1] ?? 0, position + 4);
    return position + 8;
  }
  const value = form.field === 2 ? low | 0 : low;
  if (value < form.min || value > form.max) throw outOfRange(input, value);
  for (let index = 0; index < form.sizeBytes; index++) target[position++] = value >> (8 * index);
  return position;
}

function noTypedForm(input: TypedInput): ServingError {
  return new ServingError(
    'invalid_argument',
    `contents of input '${input.name}' for model '${input.model}': ${input.datatype} has no typed form, use raw_input_contents`,
    { reason: 'INVALID_CONTENTS' },
  );
}

function wrongField(input: TypedInput, field: FieldName): ServingError {
  return new ServingError(
    'invalid_argument',
    `contents of input '${input.name}' for model '${input.model}' stand in ${field}, which does not fit data-type ${input.datatype}`,
    { reason: 'INVALID_CONTENTS' },
  );
}

function outOfRange(input: TypedInput, value: number): ServingError {
  return new ServingError(
    'invalid_argument',
    `contents of input '${input.name}' for model '${input.model}': ${value} is out of range for ${input.datatype}`,
    { reason: 'INVALID_CONTENTS' },
  );
}

/** Scratch of the two halves of a varint; used and read within one call. */
const parts = new Uint32Array(2);
