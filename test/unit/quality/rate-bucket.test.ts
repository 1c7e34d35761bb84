import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RateBucket } from '../../../src/quality/rate-bucket.ts';

test('a bucket lets its rate through, and says when there is room for one', () => {
  const bucket = new RateBucket(0, 8);
  assert.equal(bucket.roomAt, 125);
  assert.equal(bucket.take(3, 124), 0);
  assert.equal(bucket.take(3, 125), 1);
  assert.equal(bucket.roomAt, 250);
  assert.equal(bucket.take(100, 10_000), 8);
  assert.equal(bucket.take(100, 10_000), 0);
});

test('what lets less than one a second through does so after a while, and nothing never', () => {
  const slow = new RateBucket(0, 0.5);
  assert.equal(slow.take(5, 1999), 0);
  assert.equal(slow.take(5, 2000), 1);
  const none = new RateBucket(0, 0);
  assert.equal(none.roomAt, Infinity);
  assert.equal(none.take(5, 1e12), 0);
});

test('requests that came before the last one take nothing back', () => {
  const bucket = new RateBucket(0, 1);
  assert.equal(bucket.take(1, 1500), 1);
  assert.equal(bucket.take(1, 1000), 0);
  assert.equal(bucket.roomAt, 2500);
});
