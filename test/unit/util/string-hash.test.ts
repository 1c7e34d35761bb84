import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashText } from '../../../src/util/string-hash.ts';

test('a text has the same hash everywhere', () => {
  assert.equal(hashText('', 0), 0);
  assert.equal(hashText('user-1', 1), hashText('user-1', 1));
  assert.equal(hashText('user-1', 7), 1_010_215_062);
});

test('texts and seeds that differ by one bit have hashes that differ by half of theirs', () => {
  let bits = 0;
  let pairs = 0;
  for (let index = 0; index < 500; index++) {
    const text = `user-${index * 2}`;
    for (const other of [hashText(`user-${index * 2 + 1}`, 9), hashText(text, 8)]) {
      let difference = hashText(text, 9) ^ other;
      while (difference !== 0) {
        bits += difference & 1;
        difference >>>= 1;
      }
      pairs += 1;
    }
  }
  assert.ok(Math.abs(bits / pairs - 16) < 0.5, `${bits / pairs} of 32 bits`);
});
