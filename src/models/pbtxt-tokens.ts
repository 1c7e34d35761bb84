import { ServingError } from '../errors.ts';

export type PbtxtToken =
  | { readonly kind: 'end' }
  | { readonly kind: 'mark'; readonly text: string }
  | { readonly kind: 'word'; readonly text: string }
  | { readonly kind: 'number'; readonly text: string }
  | { readonly kind: 'string'; readonly bytes: Buffer };

const blank = /(?:[\s]|#[^\n]*)*/y;
const word = /[A-Za-z_][\w.]*/y;
const number =
  /[-+]?(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?[fF]?|(?:inf|nan|infinity)\b)/iy;
const quoted = /"(?:[^"\\\n]|\\[^])*"|'(?:[^'\\\n]|\\[^])*'/y;
const escape = /\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([^]))/g;
const plainEscapes: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '?': '?',
  '\\': '\\',
  "'": "'",
  '"': '"',
};

/** Protobuf text format cut into words, numbers, strings and marks; knows where it stands, for errors. */
export class PbtxtTokens {
  readonly #text: string;
  #at = 0;
  #start = 0;
  /** The line that was asked for last, so that the positions of all fields cost one pass over the text. */
  #line: { readonly number: number; readonly start: number; readonly end: number };

  constructor(text: string) {
    this.#text = text;
    this.#line = this.#lineFrom(1, 0);
  }

  next(): PbtxtToken {
    this.#skipBlank();
    if (this.#at >= this.#text.length) return { kind: 'end' };
    const string = this.#match(quoted);
    if (string !== undefined) return { kind: 'string', bytes: this.#unescape(string.slice(1, -1)) };
    const digits = this.#match(number);
    if (digits !== undefined) {
      if (this.#match(word) !== undefined) throw this.error('a number');
      return { kind: 'number', text: digits };
    }
    const name = this.#match(word);
    if (name !== undefined) return { kind: 'word', text: name };
    const text = this.#text.charAt(this.#at++);
    return { kind: 'mark', text };
  }

  /** Takes the mark if it comes next. */
  take(mark: string): boolean {
    this.#skipBlank();
    if (this.#text.charAt(this.#at) !== mark) return false;
    this.#at++;
    return true;
  }

  /** Takes a string if one comes next: adjacent strings are one. */
  takeString(): Buffer | undefined {
    this.#skipBlank();
    const string = this.#match(quoted);
    return string === undefined ? undefined : this.#unescape(string.slice(1, -1));
  }

  /** `line:column` of the token read last. */
  position(at = this.#start): string {
    let line = this.#line;
    while (line.end < at) line = this.#lineFrom(line.number + 1, line.end + 1);
    this.#line = line;
    return `${line.number}:${at - line.start + 1}`;
  }

  /** The token read last is not what belongs there. */
  error(expected: string): ServingError {
    return this.#errorAt(this.#start, expected);
  }

  /** What comes next is not what belongs there. */
  expected(expected: string): ServingError {
    this.#skipBlank();
    return this.#errorAt(this.#at, expected);
  }

  #lineFrom(number: number, start: number): { number: number; start: number; end: number } {
    const end = this.#text.indexOf('\n', start);
    return { number, start, end: end < 0 ? this.#text.length : end };
  }

  #errorAt(at: number, expected: string): ServingError {
    const found = at >= this.#text.length ? 'the end' : JSON.stringify(this.#text.slice(at, at + 20));
    return new ServingError(
      'invalid_argument',
      `${this.position(at)}: expected ${expected}, found ${found}`,
      {
        reason: 'MODEL_CONFIG',
      },
    );
  }

  #skipBlank(): void {
    blank.lastIndex = this.#at;
    blank.test(this.#text);
    this.#at = blank.lastIndex;
    this.#start = this.#at;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at = pattern.lastIndex;
    return found;
  }

  /** Octal and hex escapes are bytes, so the string is bytes until a field says that it is text. */
  #unescape(inner: string): Buffer {
    const parts: Buffer[] = [];
    let from = 0;
    for (const match of inner.matchAll(escape)) {
      parts.push(Buffer.from(inner.slice(from, match.index)), this.#escaped(match));
      from = match.index + match[0].length;
    }
    parts.push(Buffer.from(inner.slice(from)));
    return Buffer.concat(parts);
  }

  #escaped([whole, octal, hex, short, long, plain]: RegExpExecArray): Buffer {
    if (octal !== undefined) return Buffer.from([Number.parseInt(octal, 8) & 0xff]);
    if (hex !== undefined) return Buffer.from([Number.parseInt(hex, 16)]);
    const point = Number.parseInt(short ?? long ?? '', 16);
    if (!Number.isNaN(point)) {
      if (point > 0x10_ff_ff) throw this.error('a Unicode code point');
      return Buffer.from(String.fromCodePoint(point));
    }
    const text = plainEscapes[plain ?? ''];
    if (text === undefined) throw this.error(`an escape that exists instead of ${whole}`);
    return Buffer.from(text);
  }
}
