import { datatypeSizeBytes, type Datatype } from '../../inference/datatype.ts';
import { takeDecimals } from './json-decimals.ts';
import { integerRuns, takeIntegers } from './json-integers.ts';
import { scanDecimal, scanned, type Precision } from './json-number.ts';
import { char, maxJsonDepth, type JsonReader } from './json-reader.ts';
import { refuse } from './refuse.ts';

/** The input whose data are read. */
export interface ElementsWanted {
  readonly name: string;
  readonly datatype: Datatype;
  /** As its shape says; a safe integer. */
  readonly count: number;
  /** What the result may take: `[1,1,1]` read as FP64 grows fourfold. */
  readonly maxBytes: number;
  /** BYTES elements may also be `{"b64": "..."}`, as TensorFlow Serving writes bytes. */
  readonly base64?: boolean;
}

/** Where elements go. One object per tensor. */
export interface ElementTarget {
  readonly wanted: ElementsWanted;
  data: Buffer;
  view: DataView;
  /** Elements so far. */
  count: number;
  /** Bytes so far. */
  sizeBytes: number;
}

type TakeElement = (reader: JsonReader, target: ElementTarget) => void;

/**
 * Reads the `data` of an input, flat or nested, at the reader's position into the bytes of a tensor.
 *
 * @throws invalid_argument for elements that are not the datatype's or not as many as the shape says.
 */
export function readElements(reader: JsonReader, wanted: ElementsWanted): Buffer {
  const target = openElements(reader, wanted);
  readMoreElements(reader, target);
  return closeElements(target);
}

/**
 * Begins a tensor whose elements stand in several places of a document, none of them before the reader's position.
 *
 * @throws invalid_argument when there cannot be as many elements.
 */
export function openElements(reader: JsonReader, wanted: ElementsWanted): ElementTarget {
  const { name, datatype, count, maxBytes } = wanted;
  if (takers[datatype] === undefined) throw refuse.half(datatype, name);
  const sizeBytes = count * (datatype === 'BYTES' ? 4 : datatypeSizeBytes[datatype]);
  // Each element takes a character at least, so this also bounds what is allocated by what was sent.
  if (count > reader.bytes.length - reader.position) throw refuse.elementCount(name, count);
  if (sizeBytes > maxBytes) throw refuse.tooLarge(maxBytes);
  const data = Buffer.from(new ArrayBuffer(sizeBytes));
  return { wanted, data, view: viewOf(data), count: 0, sizeBytes: 0 };
}

/** Adds the elements of the value at the reader's position. @throws invalid_argument */
export function readMoreElements(reader: JsonReader, target: ElementTarget): void {
  const take = takers[target.wanted.datatype];
  if (take !== undefined) walk(reader, target, take);
}

/** The bytes of the tensor. @throws invalid_argument when elements are missing. */
export function closeElements({ wanted, data, count, sizeBytes }: ElementTarget): Buffer {
  if (count !== wanted.count) throw refuse.elementCount(wanted.name, wanted.count);
  return data.subarray(0, sizeBytes);
}

function viewOf(data: Buffer): DataView {
  return new DataView(data.buffer, data.byteOffset, data.byteLength);
}

/** Follows brackets and commas; how elements are nested is not compared with the shape, as in Triton. */
function walk(reader: JsonReader, target: ElementTarget, take: TakeElement): void {
  const { wanted } = target;
  const decimals = precisions[wanted.datatype];
  const integers = integerRuns[wanted.datatype];
  let open = 0;
  let fresh = true;
  let separated = true;
  do {
    const next = reader.peek();
    if (next === char.comma) {
      if (separated) reader.fail('an element is missing');
      separated = true;
      reader.position++;
    } else if (next === char.closeBracket) {
      if (open === 0 || (separated && !fresh)) reader.fail('an element is missing');
      open--;
      fresh = false;
      separated = false;
      reader.position++;
    } else {
      if (!separated) reader.fail('a comma is missing');
      if (next === char.openBracket) {
        if (reader.depth + ++open > maxJsonDepth) throw refuse.nesting(maxJsonDepth);
        fresh = true;
        reader.position++;
      } else {
        if (target.count === wanted.count) throw refuse.elementCount(wanted.name, wanted.count);
        const taken =
          open > 0 &&
          ((decimals !== undefined && takeDecimals(reader, target, decimals)) ||
            (integers !== undefined && takeIntegers(reader, target, integers)));
        if (!taken) {
          take(reader, target);
          target.count++;
        }
        fresh = false;
        separated = false;
      }
    }
  } while (open > 0);
}

/** Of datatypes whose elements are decimals. */
const precisions: Readonly<Partial<Record<Datatype, Precision>>> = { FP32: 'single', FP64: 'double' };

function takeFloat(reader: JsonReader, target: ElementTarget): void {
  const value = scanDecimal(reader.bytes, reader.position, 'single');
  if (scanned.end === reader.position) {
    target.view.setFloat32(target.sizeBytes, namedNumber(reader, target), true);
  } else {
    if (!Number.isFinite(Math.fround(value))) throw outOfRange(reader, target);
    reader.position = scanned.end;
    target.view.setFloat32(target.sizeBytes, value, true);
  }
  target.sizeBytes += 4;
}

function takeDouble(reader: JsonReader, target: ElementTarget): void {
  let value = scanDecimal(reader.bytes, reader.position, 'double');
  if (scanned.end === reader.position) value = namedNumber(reader, target);
  else {
    if (!Number.isFinite(value)) throw outOfRange(reader, target);
    reader.position = scanned.end;
  }
  target.view.setFloat64(target.sizeBytes, value, true);
  target.sizeBytes += 8;
}

/** `NaN`, `Infinity` and `-Infinity`; a number in usual form has been ruled out. */
function namedNumber(reader: JsonReader, { wanted }: ElementTarget): number {
  for (const [word, value] of namedNumbers) {
    const end = reader.position + word.length;
    if (reader.bytes.toString('latin1', reader.position, end) !== word) continue;
    reader.position = end;
    return value;
  }
  throw refuse.element(wanted.name, `a number for ${wanted.datatype}`);
}

const namedNumbers = [
  ['NaN', NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
] as const;

function outOfRange(reader: JsonReader, { wanted }: ElementTarget): Error {
  return refuse.outOfRange(wanted.name, wanted.datatype, reader.numberText());
}

interface IntegerForm {
  readonly sizeBytes: 1 | 2 | 4;
  readonly min: number;
  readonly max: number;
}

function takeInteger({ sizeBytes, min, max }: IntegerForm): TakeElement {
  return (reader, target) => {
    const value = scanInteger(reader, target);
    if (value < min || value > max) throw outOfRange(reader, target);
    reader.position = scanned.end;
    const { data } = target;
    const position = target.sizeBytes;
    data[position] = value;
    if (sizeBytes > 1) data[position + 1] = value >> 8;
    if (sizeBytes > 2) {
      data[position + 2] = value >> 16;
      data[position + 3] = value >> 24;
    }
    target.sizeBytes = position + sizeBytes;
  };
}

function takeLong(min: bigint, max: bigint): TakeElement {
  return (reader, target) => {
    const value = scanInteger(reader, target);
    if (Number.isSafeInteger(value) && (value >= 0 || min < 0n)) {
      target.view.setInt32(target.sizeBytes, value | 0, true);
      target.view.setInt32(target.sizeBytes + 4, Math.floor(value / 0x1_0000_0000), true);
    } else {
      const exact = exactInteger(reader, target);
      if (exact < min || exact > max) throw outOfRange(reader, target);
      target.view.setBigUint64(target.sizeBytes, BigInt.asUintN(64, exact), true);
    }
    reader.position = scanned.end;
    target.sizeBytes += 8;
  };
}

/** Longer ones are out of range, and cost time that grows with their square. */
const maxLongDigits = 20;

function exactInteger(reader: JsonReader, target: ElementTarget): bigint {
  if (scanned.end - reader.position > maxLongDigits) throw outOfRange(reader, target);
  return BigInt(reader.bytes.toString('latin1', reader.position, scanned.end));
}

/** The value is exact only where it is a safe integer; `scanned.end` is behind it. */
function scanInteger(reader: JsonReader, { wanted }: ElementTarget): number {
  const { bytes, position } = reader;
  let end = position;
  let value = 0;
  let byte = bytes[end] ?? 0;
  const negative = byte === char.minus;
  if (negative) byte = bytes[++end] ?? 0;
  const firstDigit = end;
  while (byte >= char.zero && byte <= char.nine) {
    value = value * 10 + (byte - char.zero);
    byte = bytes[++end] ?? 0;
  }
  const digits = end - firstDigit;
  const isOther = byte === char.point || byte === 0x65 || byte === 0x45;
  if (digits === 0 || isOther || (digits > 1 && bytes[firstDigit] === char.zero)) {
    throw refuse.element(wanted.name, `a whole number for ${wanted.datatype}`);
  }
  scanned.end = end;
  return negative ? -value : value;
}

const trueWord = Buffer.from('true');
const falseWord = Buffer.from('false');

function standsAt(bytes: Buffer, position: number, word: Buffer): boolean {
  for (let at = 0; at < word.length; at++) if (bytes[position + at] !== word[at]) return false;
  return true;
}

function takeBoolean(reader: JsonReader, target: ElementTarget): void {
  const { bytes, position } = reader;
  const isTrue = bytes[position] === trueWord[0];
  const word = isTrue ? trueWord : falseWord;
  if (standsAt(bytes, position, word)) {
    reader.position = position + word.length;
    target.data[target.sizeBytes++] = isTrue ? 1 : 0;
    return;
  }
  const value = reader.value();
  if (typeof value !== 'boolean' && value !== 0 && value !== 1) {
    throw refuse.element(target.wanted.name, 'true or false for BOOL');
  }
  target.data[target.sizeBytes++] = Number(value);
}

function takeText(reader: JsonReader, target: ElementTarget): void {
  const { name, base64 } = target.wanted;
  const next = reader.peek();
  if (next === char.openBrace && base64 === true) {
    takeBytes(target, readBase64(reader, name));
    return;
  }
  if (next !== char.quote) throw refuse.element(name, 'a string for BYTES');
  const text = reader.string();
  const length = Buffer.byteLength(text);
  const start = beginText(target, length);
  target.data.write(text, start, length);
}

function takeBytes(target: ElementTarget, bytes: Uint8Array): void {
  const start = beginText(target, bytes.length);
  target.data.set(bytes, start);
}

/** Writes the length of an element and makes room for it; returns where it goes. */
function beginText(target: ElementTarget, length: number): number {
  const end = target.sizeBytes + 4 + length;
  // What the elements that follow need is there already; only their text needs more.
  const rest = 4 * (target.wanted.count - target.count - 1);
  if (end + rest > target.data.length) grow(target, end + rest);
  target.view.setUint32(target.sizeBytes, length, true);
  target.sizeBytes = end;
  return end - length;
}

const base64Form = /^[A-Za-z0-9+/_-]*={0,2}$/;

function readBase64(reader: JsonReader, name: string): Buffer {
  reader.beginObject();
  const isBase64 = reader.nextKey() === 'b64' && reader.peek() === char.quote;
  const text = isBase64 ? reader.string() : '';
  if (!isBase64 || reader.nextKey() !== undefined || !base64Form.test(text)) {
    throw refuse.element(name, 'a string or {"b64": "<base64>"} for BYTES');
  }
  return Buffer.from(text, 'base64');
}

function grow(target: ElementTarget, neededBytes: number): void {
  const { maxBytes } = target.wanted;
  if (neededBytes > maxBytes) throw refuse.tooLarge(maxBytes);
  const larger = Buffer.from(new ArrayBuffer(Math.min(maxBytes, neededBytes * 2)));
  larger.set(target.data.subarray(0, target.sizeBytes));
  target.data = larger;
  target.view = viewOf(larger);
}

const takers: Readonly<Record<Datatype, TakeElement | undefined>> = {
  BOOL: takeBoolean,
  INT8: takeInteger({ sizeBytes: 1, min: -0x80, max: 0x7f }),
  INT16: takeInteger({ sizeBytes: 2, min: -0x8000, max: 0x7fff }),
  INT32: takeInteger({ sizeBytes: 4, min: -0x8000_0000, max: 0x7fff_ffff }),
  INT64: takeLong(-(2n ** 63n), 2n ** 63n - 1n),
  UINT8: takeInteger({ sizeBytes: 1, min: 0, max: 0xff }),
  UINT16: takeInteger({ sizeBytes: 2, min: 0, max: 0xffff }),
  UINT32: takeInteger({ sizeBytes: 4, min: 0, max: 0xffff_ffff }),
  UINT64: takeLong(0n, 2n ** 64n - 1n),
  FP32: takeFloat,
  FP64: takeDouble,
  BYTES: takeText,
  FP16: undefined,
  BF16: undefined,
};
