import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { noteReceived, useYoungCollector } from '../../../src/util/received-bytes.ts';

const mebibyte = 1024 * 1024;

afterEach(() => useYoungCollector(undefined));

/** Mebibytes received before each collection, when each costs so many milliseconds. */
function intervals(costsMs: readonly number[]): number[] {
  const found: number[] = [];
  let received = 0;
  useYoungCollector({
    collect() {
      found.push(received);
      received = 0;
      return costsMs[found.length - 1] ?? 0;
    },
  });
  while (found.length < costsMs.length) {
    received += 1;
    noteReceived(mebibyte);
  }
  return found;
}

test('the young generation is collected every 4 MiB that are received', () => {
  assert.deepEqual(intervals([0.3, 0.3, 0.3]), [4, 4, 4]);
});

test('collections that find much alive come seldom, and as often as before when they find little again', () => {
  assert.deepEqual(intervals([2, 2, 2, 0.1, 0.1, 0.1, 0.1]), [4, 8, 16, 32, 16, 8, 4]);
});

test('they never come later than every 64 MiB', () => {
  assert.deepEqual(intervals(Array<number>(8).fill(2)).slice(4), [64, 64, 64, 64]);
});

test('without a collector nothing happens', () => {
  assert.doesNotThrow(() => noteReceived(1000 * mebibyte));
});
