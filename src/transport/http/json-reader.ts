import { isUtf8 } from 'node:buffer';
import { refuse } from './refuse.ts';

/** Values of deeper documents are refused, as in Triton: recursion must not be for strangers to drive. */
export const maxJsonDepth = 100;

/** Integers beyond 2^53 arrive as bigint, so that nothing is rounded on the way. */
export type JsonValue = null | boolean | number | bigint | string | readonly JsonValue[] | JsonObject;

export interface JsonObject extends ReadonlyMap<string, JsonValue> {}

/**
 * What the lists and objects of one document may hold that are built as such. An empty object of two characters becomes
 * hundreds of bytes: without this bound a body of 64 MiB takes all memory. Tensors are read into bytes and do not count.
 */
const maxBuiltValues = 65_536;

/** Characters of JSON's grammar. */
export const char = {
  quote: 0x22,
  comma: 0x2c,
  minus: 0x2d,
  point: 0x2e,
  zero: 0x30,
  nine: 0x39,
  colon: 0x3a,
  openBracket: 0x5b,
  backslash: 0x5c,
  closeBracket: 0x5d,
  openBrace: 0x7b,
  closeBrace: 0x7d,
} as const;

/** More digits than this are no number that anybody means, and cost time that grows with their square. */
const maxIntegerDigits = 400;

/**
 * Reads JSON out of bytes, value by value, without building what its caller does not want. Numbers keep all their
 * digits, and `NaN`, `Infinity` and `-Infinity`, which Python writes, are taken as numbers.
 */
export class JsonReader {
  readonly bytes: Buffer;
  position: number;
  #depth = 0;
  #built = 0;
  /** Nothing has been read yet of the container that was entered last. */
  #fresh = false;

  constructor(bytes: Buffer, position = 0) {
    this.bytes = bytes;
    this.position = position;
  }

  get depth(): number {
    return this.#depth;
  }

  /** The next character that is no white space, without taking it; -1 at the end. */
  peek(): number {
    const { bytes } = this;
    let position = this.position;
    let next = bytes[position];
    while (next === 0x20 || next === 0x0a || next === 0x0d || next === 0x09) next = bytes[++position];
    this.position = position;
    return next ?? -1;
  }

  /** @throws invalid_argument, as all of this class do, for what is no JSON. */
  fail(what: string): never {
    throw refuse.json(what, this.position);
  }

  beginObject(): void {
    this.#begin(char.openBrace, 'an object');
  }

  /** The next key of the object, or undefined at its end. Its value must be read before the next call. */
  nextKey(): string | undefined {
    if (!this.#more(char.closeBrace)) return undefined;
    if (this.peek() !== char.quote) this.fail('a name is missing');
    const key = this.string();
    if (this.peek() !== char.colon) this.fail('a colon is missing');
    this.position++;
    return key;
  }

  beginArray(): void {
    this.#begin(char.openBracket, 'an array');
  }

  /** Whether another element follows in the array. It must be read before the next call. */
  nextElement(): boolean {
    return this.#more(char.closeBracket);
  }

  /** Any value. Of names that are there twice the last wins. */
  value(): JsonValue {
    const next = this.peek();
    if (next === char.quote) return this.string();
    if (next === char.openBrace) return this.#object();
    if (next === char.openBracket) return this.#array();
    if (next === 0x74) return this.#literal('true', true);
    if (next === 0x66) return this.#literal('false', false);
    if (next === 0x6e) return this.#literal('null', null);
    return this.number();
  }

  string(): string {
    const { bytes } = this;
    const start = ++this.position;
    let position = start;
    let plain = true;
    for (;;) {
      const next = bytes[position];
      if (next === undefined) this.fail('a string does not end');
      if (next === char.quote) break;
      if (next < 0x20) this.fail('a control character in a string');
      if (next >= 0x80) plain = false;
      if (next === char.backslash) return this.#escapedString(start);
      position++;
    }
    this.position = position + 1;
    if (plain) return bytes.toString('latin1', start, position);
    if (!isUtf8(bytes.subarray(start, position))) this.fail('a string that is no UTF-8');
    return bytes.toString('utf8', start, position);
  }

  number(): number | bigint {
    const text = this.numberText();
    if (/^-?\d+$/.test(text)) {
      const value = Number(text);
      if (Number.isSafeInteger(value)) return value;
      if (text.length > maxIntegerDigits) this.fail('a number of too many digits');
      return BigInt(text);
    }
    return Number(text);
  }

  /** Takes one number and returns how it is written. */
  numberText(): string {
    this.peek();
    const { bytes, position } = this;
    let end = position;
    while (isNumberPart(bytes[end])) end++;
    const text = bytes.toString('latin1', position, end);
    if (!numberForm.test(text)) this.fail('no value');
    this.position = end;
    return text;
  }

  /** Passes over one value. Brackets and strings are followed, the rest is left for who reads it. */
  skip(): void {
    const { bytes } = this;
    let open = 0;
    do {
      const next = this.peek();
      if (next === -1) this.fail('the end is missing');
      if (next === char.quote) this.#skipString();
      else {
        if (next === char.openBracket || next === char.openBrace) open++;
        else if (next === char.closeBracket || next === char.closeBrace) open--;
        this.position++;
        if (open === 0) while (isNumberPart(bytes[this.position])) this.position++;
      }
      if (this.#depth + open > maxJsonDepth) throw refuse.nesting(maxJsonDepth);
    } while (open > 0);
  }

  /** Nothing but white space may be left. */
  finish(): void {
    if (this.peek() !== -1) this.fail('something follows the document');
  }

  #begin(opening: number, what: string): void {
    if (this.peek() !== opening) this.fail(`not ${what}`);
    if (this.#depth >= maxJsonDepth) throw refuse.nesting(maxJsonDepth);
    this.position++;
    this.#depth++;
    this.#fresh = true;
  }

  #more(closing: number): boolean {
    const next = this.peek();
    if (next === closing) {
      this.position++;
      this.#depth--;
      this.#fresh = false;
      return false;
    }
    if (!this.#fresh) {
      if (next !== char.comma) this.fail('a comma or the end of a container is missing');
      this.position++;
    }
    this.#fresh = false;
    return true;
  }

  #object(): JsonObject {
    const object = new Map<string, JsonValue>();
    this.beginObject();
    for (let key = this.nextKey(); key !== undefined; key = this.nextKey()) {
      this.#countBuilt();
      object.set(key, this.value());
    }
    return object;
  }

  #array(): readonly JsonValue[] {
    const array: JsonValue[] = [];
    this.beginArray();
    while (this.nextElement()) {
      this.#countBuilt();
      array.push(this.value());
    }
    return array;
  }

  #countBuilt(): void {
    if (++this.#built > maxBuiltValues) throw refuse.values(maxBuiltValues);
  }

  #literal<T>(word: string, value: T): T {
    const { bytes, position } = this;
    if (bytes.toString('latin1', position, position + word.length) !== word) this.fail('no value');
    this.position += word.length;
    return value;
  }

  /** @param start behind the opening quote. */
  #escapedString(start: number): string {
    this.position = start - 1;
    this.#skipString();
    const literal = this.bytes.subarray(start - 1, this.position);
    if (!isUtf8(literal)) this.fail('a string that is no UTF-8');
    try {
      const text: unknown = JSON.parse(literal.toString());
      if (typeof text === 'string') return text;
    } catch {
      // Said below.
    }
    return this.fail('a string with a wrong escape');
  }

  #skipString(): void {
    const { bytes } = this;
    let position = this.position + 1;
    for (;;) {
      const next = bytes[position];
      if (next === undefined) this.fail('a string does not end');
      if (next === char.quote) break;
      position += next === char.backslash ? 2 : 1;
    }
    this.position = position + 1;
  }
}

const numberForm = /^(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?|NaN|-?Infinity)$/;

/** Letters, digits and what else numbers and their like are written with. */
function isNumberPart(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  return (
    (byte >= char.zero && byte <= char.nine) ||
    (byte >= 0x41 && byte <= 0x5a) ||
    (byte >= 0x61 && byte <= 0x7a) ||
    byte === char.minus ||
    byte === char.point ||
    byte === 0x2b
  );
}

/** A whole document. @throws invalid_argument */
export function parseJson(bytes: Buffer): JsonValue {
  const reader = new JsonReader(bytes);
  const value = reader.value();
  reader.finish();
  return value;
}
