import { copyText, wireType, type WireReader } from '../wire-reader.ts';
import { refuseTensorflow } from './refuse-tensorflow.ts';
import type { ValueForm } from './value-forms.ts';

/** What tensors of one message may still take when their values are unpacked. */
export interface ValueBudget {
  leftBytes: number;
  /** By values that stand for others. */
  repeatedBytes: number;
}

export interface WantedValues {
  readonly name: string;
  readonly form: ValueForm;
  /** As the shape says. */
  readonly count: number;
}

/** What a message holds in the field of a tensor's values. */
interface Measured {
  readonly count: number;
  /** Of strings, without their lengths. */
  readonly textBytes: number;
  /** The last packed run. */
  readonly run: Buffer | undefined;
}

/**
 * Reads the values of a TensorProto into the bytes of a tensor. Fewer than its shape has elements are as in TensorFlow:
 * the last stands for the rest.
 *
 * @param reader at the tensor's beginning; its end is the tensor's.
 * @throws invalid_argument, resource_exhausted when they take more than is left.
 */
export function readValues(reader: WireReader, wanted: WantedValues, budget: ValueBudget): Buffer {
  const { name, form, count } = wanted;
  const start = reader.position;
  const found = measure(reader, form);
  if (found.count > count) throw refuseTensorflow.tooManyValues(name, found.count, count);
  if (found.count === 0 && count > 0) throw refuseTensorflow.noValues(name);
  const isWhole = found.run !== undefined && found.run.length === count * form.sizeBytes;
  if (isWhole && form.wire !== wireType.varint && form.wire !== wireType.bytes) return found.run;
  const sizeBytes = found.count * form.sizeBytes + found.textBytes;
  if (sizeBytes > budget.leftBytes) throw refuseTensorflow.tooLarge(name, budget.leftBytes);
  budget.leftBytes -= sizeBytes;
  const target = Buffer.allocUnsafe(sizeBytes);
  reader.position = start;
  const lastStart = fill(reader, wanted, target);
  return found.count === count
    ? target
    : repeatLast(target, lastStart, count - found.count, { name, budget });
}

function measure(reader: WireReader, { field, wire }: ValueForm): Measured {
  let count = 0;
  let textBytes = 0;
  let run: Buffer | undefined;
  while (reader.position < reader.end) {
    const tag = reader.tag();
    if (tag >>> 3 !== field || ((tag & 7) !== wire && (tag & 7) !== wireType.bytes)) reader.skip(tag);
    else if ((tag & 7) !== wireType.bytes) {
      reader.skip(tag);
      count++;
    } else {
      if (wire === wireType.bytes) {
        const size = reader.size();
        reader.position += size;
        count++;
        textBytes += size;
      } else {
        const view = reader.view();
        count += valuesIn(view, wire);
        run = view;
      }
    }
  }
  return { count, textBytes, run };
}

/** Of a packed run. Each varint has exactly one byte without the continuation bit. */
function valuesIn(run: Buffer, wire: number): number {
  if (wire === wireType.fixed32) return Math.ceil(run.length / 4);
  if (wire === wireType.fixed64) return Math.ceil(run.length / 8);
  let count = 0;
  for (const byte of run) if (byte < 0x80) count++;
  return count;
}

/** Writes all values and returns where the last one begins. */
function fill(reader: WireReader, wanted: WantedValues, target: Buffer): number {
  const { field, wire } = wanted.form;
  const place: Place = { at: 0, last: 0 };
  while (reader.position < reader.end) {
    const tag = reader.tag();
    const isPacked = (tag & 7) === wireType.bytes && wire !== wireType.bytes;
    if (tag >>> 3 !== field || ((tag & 7) !== wire && !isPacked)) reader.skip(tag);
    else if (isPacked) {
      const outer = reader.enter();
      while (reader.position < reader.end) writeValue(reader, wanted, target, place);
      reader.leave(outer);
    } else writeValue(reader, wanted, target, place);
  }
  return place.last;
}

/** Where the next value goes, and where the last one went. */
interface Place {
  at: number;
  last: number;
}

/** Scratch of the two halves of a varint; used and read within one call. */
const parts = new Uint32Array(2);

function writeValue(reader: WireReader, { name, form }: WantedValues, target: Buffer, place: Place): void {
  const { at } = place;
  place.last = at;
  if (form.wire === wireType.bytes) {
    place.at = copyText(reader, target, at);
    return;
  }
  place.at = at + form.sizeBytes;
  if (form.wire !== wireType.varint) {
    const from = reader.position;
    reader.skip(form.wire);
    target.set(reader.bytes.subarray(from, reader.position), at);
    return;
  }
  reader.varintParts(parts);
  const low = parts[0] ?? 0;
  const high = parts[1] ?? 0;
  if (form.sizeBytes === 8) {
    target.writeUInt32LE(low, at);
    target.writeUInt32LE(high, at + 4);
    return;
  }
  if (form.datatype === 'BOOL') {
    target[at] = low === 0 && high === 0 ? 0 : 1;
    return;
  }
  const value = form.min < 0 || form.field === 7 ? low | 0 : low;
  if (value < form.min || value > form.max) throw refuseTensorflow.outOfRange(name, value);
  for (let index = 0; index < form.sizeBytes; index++) target[at + index] = value >> (8 * index);
}

interface Repeated {
  readonly name: string;
  readonly budget: ValueBudget;
}

function repeatLast(read: Buffer, lastStart: number, times: number, { name, budget }: Repeated): Buffer {
  const last = read.subarray(lastStart);
  const addedBytes = last.length * times;
  // Not `>`, so that what is no number is refused as well.
  if (!(addedBytes <= budget.repeatedBytes))
    throw refuseTensorflow.repeatedTooOften(name, budget.repeatedBytes);
  budget.repeatedBytes -= addedBytes;
  return Buffer.concat([read, Buffer.alloc(addedBytes, last)]);
}
