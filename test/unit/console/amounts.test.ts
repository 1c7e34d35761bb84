import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  bytesText,
  durationText,
  millisecondsText,
  percentText,
  rateText,
  rowsText,
} from '../../../src/console/amounts.ts';

function texts<Value>(write: (value: Value) => string, values: readonly Value[]): readonly string[] {
  return values.map((value) => write(value));
}

test('rates have as many digits as matter', () => {
  assert.deepEqual(texts(rateText, [0, 0.01, 1.26, 9.96, 123.4, 99_999, 123_456]), [
    '0',
    '<0.1',
    '1.3',
    '10.0',
    '123',
    '99999',
    '123k',
  ]);
});

test('milliseconds take at most five characters', () => {
  assert.deepEqual(texts(millisecondsText, [null, 0.123, 9.994, 12.34, 99.96, 9999, 12_000]), [
    '-',
    '0.12',
    '9.99',
    '12.3',
    '100',
    '9999',
    '12s',
  ]);
});

test('bytes, shares, times and rows are short', () => {
  assert.deepEqual(texts(bytesText, [0, 999, 1500, 999_600, 2e9]), [
    '0 B',
    '999 B',
    '1.5 kB',
    '1.0 MB',
    '2.0 GB',
  ]);
  assert.deepEqual(texts(percentText, [null, 0.456]), ['-', '46%']);
  assert.deepEqual(texts(durationText, [9, 65, 3700, 90_061]), ['9 s', '1 min 5 s', '1 h 1 min', '1 d 1 h']);
  assert.deepEqual(texts(rowsText, [null, 1, 99.94, 256]), ['-', '1.0', '99.9', '256']);
});
