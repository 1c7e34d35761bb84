import type { ElementTarget } from './json-elements.ts';
import { fromParts, powers, type Precision } from './json-number.ts';
import { char, type JsonReader } from './json-reader.ts';

/** So many digits always fit an int32, and twice as many are two of them. */
const digitsPerPart = 9;

/** Numbers that one call takes. V8 compiles what is called often better than what loops for long. */
const maxRun = 128;

/**
 * Reads decimals with commas between them, one space behind each at most, for as long as they have at most 18 digits and
 * no exponent. That is how most tensors are written; reading them without asking for each what it is takes a third of
 * the time. Stops before what it leaves to others, behind the last number that it took.
 *
 * @returns whether it took any; the reader and the target are moved on by what was taken.
 */
export function takeDecimals(reader: JsonReader, target: ElementTarget, precision: Precision): boolean {
  const { bytes } = reader;
  const { view } = target;
  const first = target.count;
  const last = Math.min(target.wanted.count, first + maxRun);
  const isSingle = precision === 'single';
  let { count, sizeBytes } = target;
  let end = reader.position;
  let at = end;
  let byte = bytes[at] ?? 0;
  while (count < last) {
    const negative = byte === char.minus;
    if (negative) byte = bytes[++at] ?? 0;
    const start = at;
    let digits = 0;
    while (byte >= char.zero && byte <= char.nine) {
      digits = (digits * 10 + byte - char.zero) | 0;
      byte = bytes[++at] ?? 0;
    }
    const wholeDigits = at - start;
    if (wholeDigits === 0 || (wholeDigits > 1 && bytes[start] === char.zero)) break;
    let decimals = 0;
    if (byte === char.point) {
      const point = at;
      byte = bytes[++at] ?? 0;
      while (byte >= char.zero && byte <= char.nine) {
        digits = (digits * 10 + byte - char.zero) | 0;
        byte = bytes[++at] ?? 0;
      }
      decimals = at - point - 1;
      if (decimals === 0) break;
    }
    if (byte === 0x65 || byte === 0x45) break;
    let value = 0;
    if (wholeDigits + decimals <= digitsPerPart) value = digits / (powers[decimals] ?? 1);
    else {
      value = longDecimal(bytes, start, { wholeDigits, decimals }, precision);
      if (Number.isNaN(value)) break;
    }
    if (negative) value = -value;
    if (isSingle) {
      view.setFloat32(sizeBytes, value, true);
      sizeBytes += 4;
    } else {
      view.setFloat64(sizeBytes, value, true);
      sizeBytes += 8;
    }
    count++;
    end = at;
    if (byte !== char.comma) break;
    byte = bytes[++at] ?? 0;
    if (byte === 0x20) byte = bytes[++at] ?? 0;
  }
  reader.position = end;
  target.count = count;
  target.sizeBytes = sizeBytes;
  return count > first;
}

interface Digits {
  readonly wholeDigits: number;
  readonly decimals: number;
}

/** Of more digits than an int32 holds; NaN for too many, and for what only a slower way can round. */
function longDecimal(
  bytes: Buffer,
  start: number,
  { wholeDigits, decimals }: Digits,
  precision: Precision,
): number {
  const digits = wholeDigits + decimals;
  if (digits > 2 * digitsPerPart) return NaN;
  let high = 0;
  let low = 0;
  let taken = 0;
  for (let at = start; taken < digits; at++) {
    const digit = (bytes[at] ?? 0) - char.zero;
    if (digit < 0) continue;
    if (taken++ < digitsPerPart) high = (high * 10 + digit) | 0;
    else low = (low * 10 + digit) | 0;
  }
  return fromParts(high * (powers[digits - digitsPerPart] ?? NaN) + low, -decimals, precision);
}
