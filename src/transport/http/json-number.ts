import { char } from './json-reader.ts';

/** Powers of ten that a double holds exactly. */
export const powers = Float64Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));

/** Integers up to here are exact, and so are all smaller ones that led to them digit by digit. */
const maxExact = Number.MAX_SAFE_INTEGER;

/** Integers up to here have lost at most some last bits while their digits were added up. */
const maxNearlyExact = 1e19;

/** Bound of the relative error of a nearly exact value: five roundings of 2^-53 each, and some to spare. */
const nearlyExactError = 1e-15;

/** A scanned number ends here; valid until the next scan. */
export const scanned = { end: 0 };

/** How well a decimal must be met. */
export type Precision = 'single' | 'double';

/**
 * Reads a decimal number that begins at `start`. Usual ones are computed from their digits, which takes a tenth of the
 * time of `Number`; for the others the text is converted. The result is the nearest double, or for `single` any double
 * that rounds to the same float as the nearest does.
 *
 * @returns NaN with `scanned.end` at `start` when there is no number.
 */
export function scanDecimal(bytes: Buffer, start: number, precision: Precision): number {
  let position = start;
  let byte = bytes[position] ?? 0;
  const negative = byte === char.minus;
  if (negative) byte = bytes[++position] ?? 0;
  const firstDigit = position;
  let mantissa = 0;
  while (byte >= char.zero && byte <= char.nine) {
    mantissa = mantissa * 10 + (byte - char.zero);
    byte = bytes[++position] ?? 0;
  }
  scanned.end = start;
  const integerDigits = position - firstDigit;
  if (integerDigits === 0) return NaN;
  if (integerDigits > 1 && bytes[firstDigit] === char.zero) return NaN;
  let exponent = 0;
  if (byte === char.point) {
    const firstDecimal = position + 1;
    byte = bytes[++position] ?? 0;
    while (byte >= char.zero && byte <= char.nine) {
      mantissa = mantissa * 10 + (byte - char.zero);
      byte = bytes[++position] ?? 0;
    }
    exponent = firstDecimal - position;
    if (exponent === 0) return NaN;
  }
  if (byte === 0x65 || byte === 0x45) {
    const end = exponentEnd(bytes, position);
    if (end < 0) return NaN;
    exponent += Number(bytes.toString('latin1', position + 1, end));
    position = end;
  }
  scanned.end = position;
  const value = fromParts(mantissa, exponent, precision);
  if (!Number.isNaN(value)) return negative ? -value : value;
  return Number(bytes.toString('latin1', start, position));
}

/** `mantissa` times a power of ten; NaN when the quick way cannot vouch for the result. */
export function fromParts(mantissa: number, exponent: number, precision: Precision): number {
  if (exponent > 22 || exponent < -22 || mantissa > maxNearlyExact) return NaN;
  const power = powers[exponent < 0 ? -exponent : exponent] ?? NaN;
  const value = exponent < 0 ? mantissa / power : mantissa * power;
  if (mantissa <= maxExact) return value;
  if (precision === 'double') return NaN;
  const error = value * nearlyExactError;
  return Math.fround(value - error) === Math.fround(value + error) ? value : NaN;
}

function exponentEnd(bytes: Buffer, start: number): number {
  let position = start + 1;
  let byte = bytes[position];
  if (byte === 0x2b || byte === char.minus) byte = bytes[++position];
  const firstDigit = position;
  while (byte !== undefined && byte >= char.zero && byte <= char.nine) byte = bytes[++position];
  return position === firstDigit ? -1 : position;
}
