import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { ServingError } from '../../../src/errors.ts';
import { parsePbtxt, type PbtxtMessage, type PbtxtValue } from '../../../src/models/pbtxt.ts';
import { refusalOf } from '../../support/refusal.ts';

/** Values as plain data: text for strings, `=` before numbers and words, a list of pairs for messages. */
type Plain = string | readonly (readonly [string, Plain])[];

function plainMessage(message: PbtxtMessage): readonly (readonly [string, Plain])[] {
  return message.map(({ name, value }) => [name, plain(value)]);
}

function plain(value: PbtxtValue): Plain {
  if (value.kind === 'string') return value.bytes.toString('latin1');
  return value.kind === 'message' ? plainMessage(value.message) : `=${value.text}`;
}

const accepted: readonly (readonly [title: string, text: string, message: Plain])[] = [
  ['nothing', '', []],
  ['comments and blanks', '# a: 1\n \t\r\n#', []],
  ['a number', 'a: 1', [['a', '=1']]],
  [
    'numbers of every form',
    'a: -1 a: +2 a: 0x1F a: 017 a: 1.5 a: .5 a: 2. a: 1e-3 a: 2.5f a: -inf',
    ['-1', '+2', '0x1F', '017', '1.5', '.5', '2.', '1e-3', '2.5f', '-inf'].map(
      (text) => ['a', `=${text}`] as const,
    ),
  ],
  [
    'words',
    'kind: KIND_CPU on: true',
    [
      ['kind', '=KIND_CPU'],
      ['on', '=true'],
    ],
  ],
  [
    'strings in both quotes',
    `a: "x'y" b: 'x"y'`,
    [
      ['a', "x'y"],
      ['b', 'x"y'],
    ],
  ],
  ['strings in pieces', `a: "x" 'y'\n# between\n"z"`, [['a', 'xyz']]],
  ['escapes', String.raw`a: "\n\t\\\"\'\101\x41\0\?"`, [['a', '\n\t\\"\'AA\0?']]],
  ['code points', String.raw`a: "\u00e9\U0001F600"`, [['a', '\xc3\xa9\xf0\x9f\x98\x80']]],
  ['a message', 'm { a: 1 }', [['m', [['a', '=1']]]]],
  ['a message after a colon', 'm: { a: 1 }', [['m', [['a', '=1']]]]],
  ['a message in angle brackets', 'm < a: 1 >', [['m', [['a', '=1']]]]],
  [
    'a list',
    'a: [ 1, 2 ]',
    [
      ['a', '=1'],
      ['a', '=2'],
    ],
  ],
  ['an empty list', 'a: [ ] b: 1', [['b', '=1']]],
  [
    'a list of messages without a colon',
    'm [ { }, < a: 1 > ]',
    [
      ['m', []],
      ['m', [['a', '=1']]],
    ],
  ],
  [
    'separators',
    'a: 1, b: 2; m { c: 3, }',
    [
      ['a', '=1'],
      ['b', '=2'],
      ['m', [['c', '=3']]],
    ],
  ],
  [
    'a comment after a value',
    'a: 1 # one\nb: 2# two',
    [
      ['a', '=1'],
      ['b', '=2'],
    ],
  ],
];

for (const [title, text, message] of accepted) {
  test(`the text format has ${title}`, () => {
    assert.deepEqual(plainMessage(parsePbtxt(text)), message);
  });
}

const refused: readonly (readonly [title: string, text: string, problem: RegExp])[] = [
  ['a message without an end', 'm {\n a: 1', /^2:6: expected "}", found the end/],
  ['the wrong bracket', 'm { a: 1 >', /^1:10: expected a field name, found ">"/],
  ['a bracket too many', 'm { } }', /^1:7: expected a field name, found "}"/],
  ['a scalar without a colon', 'a 1', /^1:3: expected ":" and a value, or "{", found "1"/],
  ['a list of scalars without a colon', 'a [ 1 ]', /^1:5: expected ":"/],
  ['a value without a name', ': 1', /^1:1: expected a field name/],
  ['no value', 'a:', /^1:3: expected a value, found the end/],
  ['a list without an end', 'a: [ 1, 2', /expected "," or "]", found the end/],
  ['a list in a list', 'a: [ [ 1 ] ]', /expected a value, found "\[/],
  ['a string over two lines', 'a: "x\ny"', /^1:4: expected a value, found/],
  ['an escape that does not exist', String.raw`a: "\q"`, /expected an escape that exists instead of \\q/],
  ['a code point that does not exist', String.raw`a: "\U00110000"`, /expected a Unicode code point/],
  ['a number that runs into a name', 'a: 1b: 2', /^1:4: expected a number, found "1b: 2"/],
  ['two separators', 'a: 1,, b: 2', /^1:6: expected a field name, found ", b: 2"/],
  ['a separator before the first field', ', a: 1', /expected a field name/],
  ['an extension', '[some.extension]: 1', /expected a field name, found "\[/],
];

for (const [title, text, problem] of refused) {
  test(`the text format does not have ${title}`, () => {
    const refusal = refusalOf(() => parsePbtxt(text));
    assert.equal(refusal.code, 'invalid_argument');
    assert.match(refusal.message, problem);
  });
}

describe('limits of the text format', () => {
  test('a field knows its line and column', () => {
    const [, , third] = parsePbtxt('a: 1\n\n  b: 2 c: 3');
    assert.equal(third?.at, '3:8');
  });

  test('messages may nest 32 deep and not deeper', () => {
    const nested = (depth: number): string => 'm {'.repeat(depth) + '}'.repeat(depth);
    assert.equal(parsePbtxt(nested(32)).length, 1);
    assert.match(refusalOf(() => parsePbtxt(nested(33))).message, /at most 32 nested messages/);
    assert.match(refusalOf(() => parsePbtxt('m {'.repeat(300_000))).message, /at most 32 nested messages/);
  });

  test('a text of more than a mebibyte is refused unread', () => {
    assert.match(refusalOf(() => parsePbtxt(' '.repeat(2 ** 20 + 1))).message, /1048577/);
  });

  test('the cost of a long text grows with its length, not with its square', () => {
    for (const unit of ['a:1 ', 'a:1\n', '#', '"', '\\', 'a:""']) {
      const before = process.threadCpuUsage();
      try {
        parsePbtxt(unit.repeat(Math.floor(2 ** 18 / unit.length)));
      } catch (error) {
        assert.ok(error instanceof ServingError, unit);
      }
      const { user, system } = process.threadCpuUsage(before);
      assert.ok(user + system < 1_000_000, unit);
    }
  });

  test('a string may fill the text', () => {
    assert.deepEqual(plainMessage(parsePbtxt(`a: "${'x'.repeat(2 ** 20 - 5)}"`)), [
      ['a', 'x'.repeat(2 ** 20 - 5)],
    ]);
  });
});

/** One way of many to write the same message. `style` picks among them. */
function print(message: readonly (readonly [string, Plain])[], style: () => number): string {
  const gap = (): string => [' ', '\n', '\t ', ' # note\n'][style() % 4] ?? ' ';
  return message
    .map(([name, value]) => {
      const end = [' ', ',', ';', '\n'][style() % 4] ?? ' ';
      return `${name}${gap()}${printValue(value, style)}${gap()}${end}`;
    })
    .join(gap());
}

function printValue(value: Plain, style: () => number): string {
  if (typeof value === 'string') return `: ${value.startsWith('=') ? value.slice(1) : quote(value, style)}`;
  const colon = style() % 2 === 0 ? ':' : '';
  return style() % 2 === 0 ? `${colon} { ${print(value, style)} }` : `${colon}< ${print(value, style)} >`;
}

function quote(bytes: string, style: () => number): string {
  const mark = style() % 2 === 0 ? '"' : "'";
  const half = style() % 2 === 0 ? Math.floor(bytes.length / 2) : 0;
  const piece = (part: string): string => {
    const written = Array.from(part, (byte) => {
      const code = byte.charCodeAt(0);
      if (/[A-Za-z0-9 _.:{}#-]/.test(byte)) return byte;
      return style() % 2 === 0
        ? `\\${code.toString(8).padStart(3, '0')}`
        : `\\x${code.toString(16).padStart(2, '0')}`;
    });
    return mark + written.join('') + mark;
  };
  return half === 0 ? piece(bytes) : `${piece(bytes.slice(0, half))} ${piece(bytes.slice(half))}`;
}

const name = fc.stringMatching(/^[a-z_][a-z0-9_]{0,8}$/);
const scalar: fc.Arbitrary<Plain> = fc.oneof(
  fc.integer().map((value) => `=${value}`),
  fc.constantFrom('=true', '=KIND_GPU', '=1.5e3', '=0x7f', '=-.25'),
  fc
    .uint8Array({ maxLength: 12 })
    .map((bytes) => Buffer.from(bytes).toString('latin1'))
    .filter((text) => !text.startsWith('=')),
);
const { message } = fc.letrec<{
  message: readonly (readonly [string, Plain])[];
  field: readonly [string, Plain];
}>((tie) => ({
  message: fc.array(tie('field'), { maxLength: 5, depthIdentifier: 'm' }),
  field: fc.tuple(name, fc.oneof({ depthIdentifier: 'm', maxDepth: 4 }, scalar, tie('message'))),
}));

test('whatever is printed is parsed back, in whatever style', () => {
  fc.assert(
    fc.property(message, fc.array(fc.nat(1000), { minLength: 32 }), (written, styles) => {
      let at = 0;
      const style = (): number => styles[at++ % styles.length] ?? 0;
      assert.deepEqual(plainMessage(parsePbtxt(print(written, style))), written);
    }),
    { numRuns: 150 },
  );
});

const realistic = `
name: "digits" # the folder
max_batch_size: 64
input [ { name: "image" data_type: TYPE_FP32 dims: [ 8, -1 ] } ]
instance_group { count: 2 kind: KIND_CPU }
parameters { key: "x" value: { string_value: "\\x41'" } }
`;

test('a text with mistakes is refused with a place, never with anything else', () => {
  const edit = fc.record({
    at: fc.nat(realistic.length),
    cut: fc.nat(4),
    put: fc.string({ maxLength: 3, unit: fc.constantFrom(...Array.from('{}[]<>:,;"\'\\#-.0x1aE\n\u0000é')) }),
  });
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
      let text = realistic;
      for (const { at, cut, put } of edits) text = text.slice(0, at) + put + text.slice(at + cut);
      try {
        parsePbtxt(text);
      } catch (error) {
        assert.ok(error instanceof ServingError);
        assert.equal(error.code, 'invalid_argument');
        assert.match(error.message, /^\d+:\d+: expected /);
      }
    }),
    { numRuns: 500 },
  );
});
