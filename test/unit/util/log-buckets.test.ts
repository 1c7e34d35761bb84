import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  countAboveBucket,
  logBucketAt,
  logBucketCount,
  logBucketEnd,
  logBucketOf,
} from '../../../src/util/log-buckets.ts';

for (const ms of [0.002, 0.1, 1, 1.5, 8, 250, 60_000]) {
  test(`${ms} ms are in a bucket that ends at most 4.5 % above`, () => {
    const end = logBucketEnd(logBucketOf(ms));
    assert.ok(end >= ms * 0.9999 && end <= ms * 1.045, String(end));
  });
}

test('what is outside of all buckets counts in the nearest', () => {
  assert.equal(logBucketOf(0), 0);
  assert.equal(logBucketOf(-1), 0);
  assert.equal(logBucketOf(Number.NaN), 0);
  assert.equal(logBucketOf(Infinity), logBucketCount - 1);
});

test('a quantile is found among counts, and what is above it counted', () => {
  const counts = [0, 90, 9, 1];
  assert.equal(logBucketAt(counts, 0.5), 1);
  assert.equal(logBucketAt(counts, 0.99), 2);
  assert.equal(logBucketAt(counts, 1), 3);
  assert.equal(logBucketAt([0, 0], 0.5), undefined);
  assert.equal(countAboveBucket(counts, 1), 10);
  assert.equal(countAboveBucket(counts, 3), 0);
});
