import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCsv } from '../../../../../../src/transport/http/dialects/tables/read-csv.ts';

const tables = [
  ['', []],
  ['a', [['a']]],
  [
    'a,b\n1,2\n',
    [
      ['a', 'b'],
      ['1', '2'],
    ],
  ],
  [
    'a,b\r\n1,\r\n',
    [
      ['a', 'b'],
      ['1', ''],
    ],
  ],
  ['1,', [['1', '']]],
  [',\n', [['', '']]],
  [
    '"a,b","c ""d"""\n"x\ny",2',
    [
      ['a,b', 'c "d"'],
      ['x\ny', '2'],
    ],
  ],
  ['\uFEFFa\n1', [['a'], ['1']]],
  ['1\n\n2', [['1'], [''], ['2']]],
  ['a"b', [['a"b']]],
] as const;

for (const [text, lines] of tables) {
  test(`CSV is read: ${JSON.stringify(text)}`, () => assert.deepEqual(readCsv(text, 10), lines));
}

const refused = [
  ['"a', /quote/],
  ['"a"b', /quote/],
  ['a,b\n1', /line 2 of the CSV has 1 fields, not 2/],
  ['1\n2\n3\n4', /more than 3 rows/],
  [','.repeat(65_537), /more than 65536 columns/],
] as const;

for (const [text, problem] of refused) {
  test(`CSV is refused: ${JSON.stringify(text.slice(0, 20))}`, () => {
    assert.throws(() => readCsv(text, 3), problem);
  });
}

test('CSV is refused when it has more fields than may be held', () => {
  assert.throws(() => readCsv(`${','.repeat(1023)}\n`.repeat(2049), 10_000), /more than 2097152 fields/);
});
