import type { Datatype } from '../../inference/datatype.ts';
import type { ElementTarget } from './json-elements.ts';
import { char, type JsonReader } from './json-reader.ts';

/** How whole numbers of a datatype stand in a tensor, and which of those of nine digits it holds. */
export interface IntegerRun {
  readonly sizeBytes: 1 | 2 | 4 | 8;
  readonly min: number;
  readonly max: number;
}

/** So many digits always fit an int32. */
const maxDigits = 9;
const beyond = 10 ** maxDigits;

export const integerRuns: Readonly<Partial<Record<Datatype, IntegerRun>>> = {
  INT8: { sizeBytes: 1, min: -0x80, max: 0x7f },
  INT16: { sizeBytes: 2, min: -0x8000, max: 0x7fff },
  INT32: { sizeBytes: 4, min: -beyond, max: beyond },
  INT64: { sizeBytes: 8, min: -beyond, max: beyond },
  UINT8: { sizeBytes: 1, min: 0, max: 0xff },
  UINT16: { sizeBytes: 2, min: 0, max: 0xffff },
  UINT32: { sizeBytes: 4, min: 0, max: beyond },
  UINT64: { sizeBytes: 8, min: 0, max: beyond },
};

/** Numbers that one call takes. V8 compiles what is called often better than what loops for long. */
const maxRun = 128;

/**
 * Reads whole numbers with commas between them, one space behind each at most, for as long as they have at most nine digits
 * and are in range. Stops before what it leaves to others, to read or to refuse, behind the last number that it took.
 *
 * @returns whether it took any; the reader and the target are moved on by what was taken.
 */
export function takeIntegers(
  reader: JsonReader,
  target: ElementTarget,
  { sizeBytes, min, max }: IntegerRun,
): boolean {
  const { bytes } = reader;
  const { view } = target;
  const first = target.count;
  const last = Math.min(target.wanted.count, first + maxRun);
  let { count, sizeBytes: offset } = target;
  let end = reader.position;
  let at = end;
  let byte = bytes[at] ?? 0;
  while (count < last) {
    const negative = byte === char.minus;
    if (negative) byte = bytes[++at] ?? 0;
    const start = at;
    let value = 0;
    while (byte >= char.zero && byte <= char.nine) {
      value = (value * 10 + byte - char.zero) | 0;
      byte = bytes[++at] ?? 0;
    }
    const digits = at - start;
    if (digits === 0 || digits > maxDigits || (digits > 1 && bytes[start] === char.zero)) break;
    if (byte === char.point || byte === 0x65 || byte === 0x45) break;
    if (negative) value = -value | 0;
    if (value < min || value > max) break;
    if (sizeBytes === 1) view.setInt8(offset, value);
    else if (sizeBytes === 2) view.setInt16(offset, value, true);
    else {
      view.setInt32(offset, value, true);
      if (sizeBytes === 8) view.setInt32(offset + 4, value >> 31, true);
    }
    offset += sizeBytes;
    count++;
    end = at;
    if (byte !== char.comma) break;
    byte = bytes[++at] ?? 0;
    if (byte === 0x20) byte = bytes[++at] ?? 0;
  }
  reader.position = end;
  target.count = count;
  target.sizeBytes = offset;
  return count > first;
}
