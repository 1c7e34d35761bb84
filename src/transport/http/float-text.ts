/** Longest text of a float, with its comma: `-0.000123456789,` or `-1.23456789e-38,`. */
export const maxFloatCharacters = 16;

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
  let decimals = decimalsOf(size);
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
  if (size < 1) {
    target[position] = 0x30;
    return writeDecimals(target, position + 1, digits, decimals);
  }
  const scale = powers[decimals] ?? 1;
  const whole = (digits / scale) | 0;
  const point = writeWhole(target, position, whole);
  return decimals === 0 ? point : writeDecimals(target, point, (digits - whole * scale) | 0, decimals);
}

/** So many that there are 7 digits behind leading zeros. @param size between `least` and `most` */
function decimalsOf(size: number): number {
  if (size < 1) return size >= 0.1 ? 7 : size >= 0.01 ? 8 : size >= 0.001 ? 9 : 10;
  if (size < 1e3) return size < 10 ? 6 : size < 100 ? 5 : 4;
  return size < 1e4 ? 3 : size < 1e5 ? 2 : size < 1e6 ? 1 : 0;
}

/** @returns the position behind it. @param whole below `most` */
function writeWhole(target: Buffer, position: number, whole: number): number {
  let end = position + 1;
  for (let above = 10; whole >= above; above *= 10) end++;
  let rest = whole;
  for (let at = end - 1; at >= position; at--) {
    const next = (rest / 10) | 0;
    target[at] = 0x30 + (rest - next * 10);
    rest = next;
  }
  return end;
}

/** A point and `decimals` digits, from the last one on, two at a time. @returns the position behind them. */
function writeDecimals(target: Buffer, point: number, digits: number, decimals: number): number {
  target[point] = 0x2e;
  const end = point + 1 + decimals;
  let rest = digits;
  let at = end - 1;
  for (; at - 1 > point; at -= 2) {
    const next = (rest / 100) | 0;
    const pair = rest - next * 100;
    target[at] = ones[pair] ?? 0;
    target[at - 1] = tens[pair] ?? 0;
    rest = next;
  }
  if (at > point) target[at] = 0x30 + rest;
  return end;
}

/** Characters of the numbers below 100. */
const ones = Uint8Array.from({ length: 100 }, (_, pair) => 0x30 + (pair % 10));
const tens = Uint8Array.from({ length: 100 }, (_, pair) => 0x30 + Math.floor(pair / 10));

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
