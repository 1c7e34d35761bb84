import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Moments } from '../../../src/statistics/moments.ts';
import {
  addSums,
  momentsOfSums,
  noValues,
  scaleSums,
  sumsOfSuccesses,
} from '../../../src/statistics/value-sums.ts';

test('sums of parts have the moments of the whole', () => {
  const values = [0.1, 0.9, 0.4, 0.4, 0.7];
  const parts = values.map((value) => ({ count: 1, sum: value, squares: value * value }));
  const moments = momentsOfSums(parts.reduce(addSums, noValues));
  const expected = Moments.of(values);
  assert.equal(moments.count, 5);
  assert.ok(Math.abs(moments.mean - expected.mean) < 1e-12);
  assert.ok(Math.abs(moments.variance() - expected.variance()) < 1e-12);
});

test('a discount makes values count for less, and changes no mean', () => {
  const half = scaleSums(sumsOfSuccesses(30, 100), 0.5);
  assert.deepEqual(half, { count: 50, sum: 15, squares: 15 });
  assert.equal(momentsOfSums(half).mean, 0.3);
});
