import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { ServingError } from '../../../../src/errors.ts';
import {
  maxJsonDepth,
  parseJson,
  JsonReader,
  type JsonValue,
} from '../../../../src/transport/http/json-reader.ts';

/** What JSON.parse would have built. */
function plain(value: JsonValue): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return Object.fromEntries(Array.from(value, ([key, item]) => [key, plain(item)]));
  return typeof value === 'bigint' ? Number(value) : value;
}

function refused(says: RegExp): (error: unknown) => boolean {
  return (error) =>
    error instanceof ServingError && error.code === 'invalid_argument' && says.test(error.message);
}

describe('parseJson', () => {
  it('reads what JSON.stringify writes, with and without white space', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), fc.constantFrom(0, 1), (value, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        assert.deepEqual(plain(parseJson(Buffer.from(text))), JSON.parse(text));
      }),
      { numRuns: 200 },
    );
  });

  it('takes and refuses the same bytes as JSON.parse, but for words of Python', () => {
    const pieces = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '"a"',
      '1',
      '-',
      '.5',
      'e3',
      'true',
      'null',
      ' ',
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 8 }), (parts) => {
        const text = parts.join('');
        const read = attempt(() => plain(parseJson(Buffer.from(text))));
        assert.deepEqual(
          read,
          attempt(() => JSON.parse(text) as unknown),
          text,
        );
      }),
      { numRuns: 2000 },
    );
  });

  it('keeps every digit of integers beyond 2^53', () => {
    assert.equal(parseJson(Buffer.from('18446744073709551615')), 18446744073709551615n);
    assert.equal(parseJson(Buffer.from('-9007199254740993')), -9007199254740993n);
  });

  for (const [text, value] of [
    ['NaN', NaN],
    ['Infinity', Infinity],
    ['-Infinity', -Infinity],
  ] as const) {
    it(`takes ${text}, as Python writes it`, () => assert.equal(parseJson(Buffer.from(text)), value));
  }

  it(`refuses more than ${maxJsonDepth} levels, read or skipped`, () => {
    const deep = (levels: number): Buffer => Buffer.from('['.repeat(levels) + ']'.repeat(levels));
    assert.doesNotThrow(() => parseJson(deep(maxJsonDepth)));
    assert.throws(() => parseJson(deep(maxJsonDepth + 1)), refused(/nesting depth exceeds maximum/));
    assert.throws(() => new JsonReader(deep(1_000_000)).skip(), refused(/nesting depth exceeds maximum/));
  });

  for (const [title, bytes, says] of [
    ['a string that is no UTF-8', Buffer.from([0x22, 0xff, 0x22]), /no UTF-8/],
    ['a line break in a string', Buffer.from('"a\nb"'), /control character/],
    ['an escape that is none', Buffer.from(String.raw`"\x"`), /wrong escape/],
    ['a string without an end', Buffer.from('"abc'), /does not end/],
    ['an escape at the end', Buffer.from('"\\'), /does not end/],
    ['nothing', Buffer.alloc(0), /no value/],
    ['two documents', Buffer.from('{} {}'), /something follows/],
    ['a list of 65,537 values', Buffer.from(`[${'0,'.repeat(65_536)}0]`), /more than 65536 values/],
    ['65,537 empty objects in lists', Buffer.from(`[[${'{},'.repeat(65_536)}{}]]`), /more than 65536 values/],
    ['an object of 65,537 values', manyFields(65_537), /more than 65536 values/],
    ['an integer of 401 digits', Buffer.from('9'.repeat(401)), /too many digits/],
  ] as const) {
    it(`refuses ${title}`, () => assert.throws(() => parseJson(bytes), refused(says)));
  }
});

function manyFields(count: number): Buffer {
  return Buffer.from(`{${Array.from({ length: count }, (_, index) => `"${index}":0`).join(',')}}`);
}

function attempt(read: () => unknown): unknown {
  try {
    return { value: read() };
  } catch {
    return 'refused';
  }
}
