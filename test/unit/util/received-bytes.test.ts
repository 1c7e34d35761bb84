import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { noteReceived, useYoungCollector } from '../../../src/util/received-bytes.ts';

const mebibyte = 1024 * 1024;

afterEach(() => useYoungCollector(undefined));

test('the young generation is collected every 8 MiB that are received', () => {
  let received = 0;
  const found: number[] = [];
  useYoungCollector(() => found.push(received));
  for (received = 1; received <= 20; received += 1) noteReceived(mebibyte);
  assert.deepEqual(found, [8, 16]);
});

test('without a collector nothing happens', () => {
  assert.doesNotThrow(() => noteReceived(1000 * mebibyte));
});
