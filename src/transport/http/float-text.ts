/** Longest text of a float, with its comma: `-0.000123456789,` or `-1.23456789e-38,`. */
export const maxFloatCharacters = 16;

/** The least numbers above each magnitude: 0.001 for those from 0.0001, and so on. */
const magnitudes = Float64Array.from({ length: 10 }, (_, index) => Number(`1e${index - 3}`));

const powers = Float64Array.from({ length: 13 }, (_, exponent) => Number(`1e${exponent}`));

/** Between these, floats are written without an exponent, and scaling them by a power of ten is exact in a double. */
const least = 1e-4;
const most = 1e7;

/**
 * Writes the decimal of a float (not a double) that reads as the same float again, with 7 digits where those do, and at
 * most 9. The usual ways give the 17 digits of the double, which take longer to make, to send and to read. What JSON
 * has no word for becomes `NaN`, `Infinity` or `-Infinity`, as in Triton and in Python.
 *
 * @returns the position behind it; `target` must have room for `maxFloatCharacters`.
 */
export function writeFloat(target: Buffer, position: number, value: number): number {
  const size = value < 0 ? -value : value;
  if (!(size >= least && size < most)) return position + target.write(rareText(value), position, 'latin1');
  if (value < 0) target[position++] = 0x2d;
  let magnitude = 0;
  while (size >= (magnitudes[magnitude] ?? Infinity)) magnitude++;
  let decimals = 10 - magnitude;
  let digits = 0;
  for (const last = decimals + 2; decimals <= last; decimals++) {
    const power = powers[decimals] ?? 1;
    digits = (size * power + 0.5) | 0;
    if (Math.fround(digits / power) === size) break;
  }
  while (decimals > 0 && digits % 10 === 0) {
    digits = (digits / 10) | 0;
    decimals--;
  }
  const wholeDigits = magnitude < 4 ? 1 : magnitude - 3;
  return writeDigits(target, position + wholeDigits, digits, decimals);
}

/** @param point where the decimal point goes, if one is needed. @param digits below 2^31 */
function writeDigits(target: Buffer, point: number, digits: number, decimals: number): number {
  const end = decimals === 0 ? point : point + 1 + decimals;
  let rest = digits;
  for (let at = end - 1; at > point; at--) {
    const next = (rest / 10) | 0;
    target[at] = 0x30 + (rest - next * 10);
    rest = next;
  }
  if (decimals > 0) target[point] = 0x2e;
  let at = point - 1;
  do {
    const next = (rest / 10) | 0;
    target[at--] = 0x30 + (rest - next * 10);
    rest = next;
  } while (rest > 0);
  return end;
}

/** Zero, very small, very large, and what is no number. With an exponent, because 1e20 in full is longer than the room. */
function rareText(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0';
  if (!Number.isFinite(value)) return String(value);
  for (let digits = 7; digits < 9; digits++) {
    const shorter = Number(value.toPrecision(digits));
    if (Math.fround(shorter) === value) return shorter.toExponential();
  }
  return Number(value.toPrecision(9)).toExponential();
}
